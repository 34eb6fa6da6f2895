using System.Runtime.InteropServices;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Diagnostics;
using Sandbox.Runsc.Launch;
using Sandbox.Runsc.State;
using Sandbox.Sentry.Control;

namespace Sandbox.Runsc.Commands;

/// <summary><c>metrics</c>: what sandboxes count, for a monitoring system.</summary>
internal static class MetricsCommand
{
    public static Command Definition { get; } = new()
    {
        Name = "metrics",
        Usage = "[CONTAINER…]",
        Summary = "print the metrics of containers, or of all that run, as OpenMetrics text",
        Flags = [new(
            "listen", FlagKind.Value, "serve them by HTTP on this unix socket until interrupted, as /metrics")],
        Run = Run,
    };

    private static int Run(GlobalOptions options, Arguments arguments)
    {
        string[] ids = [.. arguments.Positional];
        if (arguments.Get("listen") is not { Length: > 0 } path)
        {
            ErrorReport.WriteTo(1, Collect(options, ids, mustRun: true));
            return 0;
        }

        using MetricsServer server = new(Path.GetFullPath(path));
        using ManualResetEventSlim ended = new();
        Action<PosixSignalContext> end = context =>
        {
            context.Cancel = true;
            ended.Set();
        };
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, end);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, end);
        new Thread(() => server.Run(() => Collect(options, ids, mustRun: false))) { IsBackground = true }.Start();
        ended.Wait();
        return 0;
    }

    // A named container that does not run is an error to a person, and left out for a scraper.
    private static string Collect(GlobalOptions options, string[] ids, bool mustRun)
    {
        StateDirectory states = new(options.Root);
        List<ContainerMetrics> all = [];
        foreach (string id in ids.Length > 0 ? ids : states.List())
        {
            try
            {
                all.Add(Read(states, id));
            }
            catch (Failure) when (!mustRun || ids.Length == 0)
            {
                // It ended meanwhile, or is being made.
            }
        }

        return OpenMetrics.Write(all);
    }

    private static ContainerMetrics Read(StateDirectory states, string id)
    {
        ContainerState state;
        using (ContainerDirectory directory = states.Open(id))
            state = directory.Load();
        using ControlClient client = ContainerLife.Connect(states, state);
        ControlReply use = client.Ask(new ControlRequest { Method = ControlMethod.Statistics, Container = id });
        ControlReply counters = client.Ask(new ControlRequest { Method = ControlMethod.Counters, Container = id });
        return new ContainerMetrics(
            id, state.SandboxId == id, use.Statistics ?? new ContainerStatistics(), counters.Counters
                ?? new CounterReport());
    }
}
