using System.Globalization;
using System.Text;
using System.Text.Json;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.State;

namespace Sandbox.Runsc.Commands;

/// <summary><c>list</c>: all containers below --root.</summary>
internal static class ListCommand
{
    public static Command Definition { get; } = new()
    {
        Name = "list",
        Summary = "list the containers",
        Flags =
        [
            new("format", FlagKind.Value, "table or json", Short: "f", Default: "table"),
            new("quiet", FlagKind.Switch, "ids only", Short: "q"),
        ],
        Run = Run,
    };

    private static int Run(GlobalOptions options, Arguments arguments)
    {
        StateDirectory states = new(options.Root);
        List<ContainerState> containers = Load(states);
        if (arguments.Has("quiet"))
            ErrorReport.WriteTo(1, string.Concat(containers.ConvertAll(static state => state.Id + "\n")));
        else if (arguments.Get("format") is "json")
            PrintJson(states, containers);
        else if (arguments.Get("format") is null or "table")
            PrintTable(states, containers);
        else
            throw new Failure($"list: --format: \"{arguments.Get("format")}\" is none of table, json");
        return 0;
    }

    private static List<ContainerState> Load(StateDirectory states)
    {
        List<ContainerState> containers = [];
        foreach (string id in states.List())
        {
            // What is no container's directory is none of ours; what is being made or deleted does not hold us up.
            if (ContainerDirectory.Peek(states.PathOf(id)) is { } state)
                containers.Add(state);
        }

        return containers;
    }

    private static void PrintJson(StateDirectory states, List<ContainerState> containers)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream))
        {
            writer.WriteStartArray();
            foreach (ContainerState state in containers)
            {
                string status = ContainerLife.StatusWithoutLock(states, state);
                StateOutput.Write(writer, state, status, status == "stopped" ? 0 : state.Monitor.Id);
            }

            writer.WriteEndArray();
        }

        ErrorReport.WriteTo(1, Encoding.UTF8.GetString(stream.ToArray()) + "\n");
    }

    private static void PrintTable(StateDirectory states, List<ContainerState> containers)
    {
        List<string[]> rows = [["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]];
        foreach (ContainerState state in containers)
        {
            string status = ContainerLife.StatusWithoutLock(states, state);
            int processId = status == "stopped" ? 0 : state.Monitor.Id;
            rows.Add(
            [
                state.Id, processId.ToString(CultureInfo.InvariantCulture), status, state.Bundle, state.Created,
                state.OwnerId == 0 ? "root" : "#" + state.OwnerId.ToString(CultureInfo.InvariantCulture),
            ]);
        }

        ErrorReport.WriteTo(1, Table.Format(rows));
    }
}
