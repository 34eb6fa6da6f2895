using System.Globalization;
using Sandbox.Linux;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Launch;
using Sandbox.Runsc.State;
using Sandbox.Sentry.Control;

namespace Sandbox.Runsc.Commands;

/// <summary>
/// <c>events</c>: statistics of a container, once or again and again until it ends; then also a line whenever a process
/// of it was killed for want of memory.
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
            new("interval", FlagKind.Value, "time between two lines of statistics: 500ms, 5s, 1m; a number is seconds",
                Default: "5s"),
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
            if (arguments.Has("stats"))
                ErrorReport.WriteTo(
                    1, StatisticsOutput.Statistics(state.Id, Ask(client, state), HostStatistics.Read(state)));
            else
                Stream(client, state, monitor, interval);
        }

        return 0;
    }

    /// <summary>
    /// Statistics in every interval, and a line for want of memory as soon as it is noticed, until the container ends.
    /// </summary>
    private static void Stream(ControlClient client, ContainerState state, HostFd monitor, int interval)
    {
        const int noticeMilliseconds = 250;
        long kills = long.MaxValue;
        bool isOver = false;
        for (int waited = interval; !isOver; waited += noticeMilliseconds)
        {
            try
            {
                ContainerStatistics statistics = Ask(client, state);
                if (statistics.OutOfMemoryKills > kills)
                    ErrorReport.WriteTo(1, StatisticsOutput.OutOfMemory(state.Id));
                kills = statistics.OutOfMemoryKills;
                if (waited >= interval)
                {
                    waited = 0;
                    ErrorReport.WriteTo(
                        1, StatisticsOutput.Statistics(state.Id, statistics, HostStatistics.Read(state)));
                }

                isOver = HostChild.WaitForEnd(monitor, noticeMilliseconds);
            }
            catch (Failure)
            {
                isOver = true; // Its sandbox ended between two questions.
            }
        }

        // The kill that ended it: the cgroup tells until delete.
        if (HostStatistics.OutOfMemoryKills(state) > kills)
            ErrorReport.WriteTo(1, StatisticsOutput.OutOfMemory(state.Id));
    }

    private static ContainerStatistics Ask(ControlClient client, ContainerState state) =>
        client.Ask(new ControlRequest { Method = ControlMethod.Statistics, Container = state.Id }).Statistics
            ?? new ContainerStatistics();
}
