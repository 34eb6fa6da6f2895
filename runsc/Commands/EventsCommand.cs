using System.Diagnostics;
using System.Globalization;
using Sandbox.Linux;
using Sandbox.Runsc.Cgroups;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Launch;
using Sandbox.Runsc.State;
using Sandbox.Sentry.Control;

namespace Sandbox.Runsc.Commands;

/// <summary>
/// <c>events</c>: statistics of a container, once or again and again until it ends; then also a line whenever a process of it was killed
/// for want of memory.
/// </summary>
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
            new("interval", FlagKind.Value, "time between two lines of statistics: 500ms, 5s, 1m; a number is seconds", Default: "5s"),
        ],
        Run = Run,
    };

    /// <summary>Milliseconds of "500ms", "5s", "1m" or "5"; fails for anything else, and for zero.</summary>
    public static int ParseInterval(string text)
    {
        const int perSecond = 1000, perMinute = 60 * perSecond;
        (string number, int unit) = text switch
        {
            _ when text.EndsWith("ms", StringComparison.Ordinal) => (text[..^2], 1),
            _ when text.EndsWith('s') => (text[..^1], perSecond),
            _ when text.EndsWith('m') => (text[..^1], perMinute),
            _ => (text, perSecond),
        };
        bool isNumber = int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int count);
        return isNumber && count > 0 && count <= int.MaxValue / unit
            ? count * unit
            : throw new Failure($"events: --interval: \"{text}\" is not a duration");
    }

    private static int Run(GlobalOptions options, Arguments arguments)
    {
        int interval = ParseInterval(arguments.Get("interval") ?? "5s");
        StateDirectory states = new(options.Root);
        ContainerState state = states.Read(arguments.Single("the container's id"));
        using ControlClient client = ContainerLife.Connect(states, state);
        if (state.Monitor.Open().Failed(out HostFd? monitor, out _))
            throw new Failure("container not running");
        using (monitor)
        {
            PrintStatistics(client, state);
            if (!arguments.Has("stats"))
                Follow(client, state, monitor, interval);
        }

        return 0;
    }

    private static void Follow(ControlClient client, ContainerState state, HostFd monitor, int interval)
    {
        const int lookMilliseconds = 100; // For kills, which must not wait for the next statistics.
        long kills = MemoryStatistics.Read(state.Cgroups)?.Kills ?? 0;
        Stopwatch sinceStatistics = Stopwatch.StartNew();
        bool isOver;
        do
        {
            isOver = HostChild.WaitForEnd(monitor, Math.Min(lookMilliseconds, interval));
            for (long now = MemoryStatistics.Read(state.Cgroups)?.Kills ?? kills; kills < now; kills++)
                StatisticsJson.PrintOutOfMemory(state.Id);
            if (isOver || sinceStatistics.ElapsedMilliseconds < interval)
                continue;
            sinceStatistics.Restart();
            try
            {
                PrintStatistics(client, state);
            }
            catch (Failure)
            {
                isOver = HostChild.WaitForEnd(monitor, 0); // It ended just now, or next time.
            }
        }
        while (!isOver);
    }

    private static void PrintStatistics(ControlClient client, ContainerState state)
    {
        ControlReply reply = client.Ask(new ControlRequest { Method = ControlMethod.Statistics, Container = state.Id });
        StatisticsJson.Print(state.Id, reply.Statistics ?? new ContainerStatistics(), MemoryStatistics.Read(state.Cgroups));
    }
}
