using System.Globalization;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Launch;
using Sandbox.Runsc.State;
using Sandbox.Sentry.Control;

namespace Sandbox.Runsc.Commands;

/// <summary><c>ps</c>: the processes of a container; as JSON the host's, as callers expect them.</summary>
internal static class PsCommand
{
    public static Command Definition { get; } = new()
    {
        Name = "ps",
        Usage = "CONTAINER [ps options]",
        Summary = "list a container's processes (json: host process ids)",
        Flags = [new("format", FlagKind.Value, "table or json", Short: "f", Default: "table")],
        PositionalBeforeRest = 1,
        Run = Run,
    };

    private static int Run(GlobalOptions options, Arguments arguments)
    {
        if (arguments.Positional.Count == 0)
            throw new Failure("ps: the container's id is missing");
        string format = arguments.Get("format") ?? "table";
        if (format is not ("table" or "json"))
            throw new Failure($"ps: --format: \"{format}\" is none of table, json");
        StateDirectory states = new(options.Root);
        ContainerState state = states.Read(arguments.Positional[0]);
        if (format == "json")
        {
            ErrorReport.WriteTo(1, $"[{string.Join(',', HostProcesses(states.PathOf(state.Id), state))}]\n");
            return 0;
        }

        using ControlClient client = ContainerLife.Connect(states, state);
        ControlReply reply = client.Ask(new ControlRequest { Method = ControlMethod.Processes, Container = state.Id });
        ErrorReport.WriteTo(1, Table.Format(Rows(reply.Processes ?? [])));
        return 0;
    }

    /// <summary>
    /// Callers look these up on the host, where monitors stand for the container's first process and for those of exec.
    /// </summary>
    private static List<int> HostProcesses(string directory, ContainerState state)
    {
        if (ContainerLife.Status(state) == "stopped")
            return [];
        List<int> ids = [state.Monitor.Id];
        ids.AddRange(ContainerDirectory.Executions(directory).ConvertAll(static monitor => monitor.Id));
        return ids;
    }

    private static List<string[]> Rows(List<ProcessEntry> processes)
    {
        const long nanosecondsPerSecond = 1_000_000_000;
        List<string[]> rows = [["UID", "PID", "PPID", "STIME", "TTY", "TIME", "CMD"]];
        foreach (ProcessEntry entry in processes)
        {
            DateTimeOffset start = DateTimeOffset.FromUnixTimeSeconds(entry.StartTime).ToLocalTime();
            TimeSpan time = TimeSpan.FromSeconds(entry.CpuTime / nanosecondsPerSecond);
            rows.Add(
            [
                entry.UserId.ToString(CultureInfo.InvariantCulture), entry.Id.ToString(CultureInfo.InvariantCulture),
                entry.ParentId.ToString(CultureInfo.InvariantCulture),
                start.ToString("HH:mm", CultureInfo.InvariantCulture),
                entry.Terminal, time.ToString("c", CultureInfo.InvariantCulture), entry.Command,
            ]);
        }

        return rows;
    }
}
