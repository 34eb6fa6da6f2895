using System.Globalization;
using System.Text.Json;
using Sandbox.Linux;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Launch;
using Sandbox.Runsc.State;
using Sandbox.Sentry.Control;

namespace Sandbox.Runsc.Commands;

/// <summary><c>events</c>: statistics of a container, once or again and again until it ends.</summary>
internal static class EventsCommand
{
    public static Command Definition { get; } = new()
    {
        Name = "events",
        Usage = "CONTAINER",
        Summary = "print a container's statistics as JSON",
        Flags =
        [
            new("stats", FlagKind.Switch, "once"),
            new("interval", FlagKind.Value, "seconds between two lines, with or without \"s\"", Default: "5"),
        ],
        Run = Run,
    };

    private static int Run(GlobalOptions options, Arguments arguments)
    {
        const int millisecondsPerSecond = 1000;
        string text = (arguments.Get("interval") ?? "5").TrimEnd('s');
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int seconds) || seconds == 0)
            throw new Failure($"events: --interval: \"{text}\" is not a number of seconds");
        StateDirectory states = new(options.Root);
        ContainerState state;
        using (ContainerDirectory directory = states.Open(arguments.Single("the container's id")))
            state = directory.Load();
        using ControlClient client = ContainerLife.Connect(states, state);
        if (state.Monitor.Open().Failed(out HostFd? monitor, out _))
            throw new Failure("container not running");
        using (monitor)
        {
            do
            {
                ControlReply reply = client.Ask(new ControlRequest { Method = ControlMethod.Statistics, Container = state.Id });
                Print(state.Id, reply.Statistics ?? new ContainerStatistics());
            }
            while (!arguments.Has("stats") && !HostChild.WaitForEnd(monitor, seconds * millisecondsPerSecond));
        }

        return 0;
    }

    private static void Print(string id, ContainerStatistics statistics)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream))
        {
            writer.WriteStartObject();
            writer.WriteString("type", "stats");
            writer.WriteString("id", id);
            writer.WriteStartObject("data");
            writer.WriteStartObject("cpu");
            writer.WriteStartObject("usage");
            writer.WriteNumber("total", statistics.UserTime + statistics.SystemTime);
            writer.WriteNumber("kernel", statistics.SystemTime);
            writer.WriteNumber("user", statistics.UserTime);
            writer.WriteEndObject();
            writer.WriteEndObject();
            writer.WriteStartObject("memory");
            writer.WriteStartObject("usage");
            writer.WriteNumber("limit", statistics.MemoryLimitBytes);
            writer.WriteNumber("usage", statistics.MemoryBytes);
            writer.WriteEndObject();
            writer.WriteEndObject();
            writer.WriteStartObject("pids");
            writer.WriteNumber("current", statistics.Tasks);
            writer.WriteNumber("limit", statistics.TasksMax);
            writer.WriteEndObject();
            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        ErrorReport.WriteTo(1, System.Text.Encoding.UTF8.GetString(stream.ToArray()) + "\n");
    }
}
