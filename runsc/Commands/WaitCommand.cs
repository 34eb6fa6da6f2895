using System.Globalization;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Launch;
using Sandbox.Runsc.State;
using Sandbox.Sentry.Control;

namespace Sandbox.Runsc.Commands;

/// <summary><c>wait</c>: waits for a container's end and prints how it ended.</summary>
internal static class WaitCommand
{
    public static Command Definition { get; } = new()
    {
        Name = "wait",
        Usage = "CONTAINER",
        Summary = "wait until a container's process ends, and print its exit status as JSON",
        Run = Run,
    };

    private static int Run(GlobalOptions options, Arguments arguments)
    {
        StateDirectory states = new(options.Root);
        ContainerState state = states.Read(arguments.Single("the container's id"));
        using ControlClient client = ContainerLife.Connect(states, state);
        ControlReply reply = client.Ask(new ControlRequest { Method = ControlMethod.Wait, Container = state.Id });
        int exitCode = MonitorLink.ExitCode(reply.Status);
        ErrorReport.WriteTo(
            1, string.Create(CultureInfo.InvariantCulture, $"{{\"id\":\"{state.Id}\",\"exitStatus\":{exitCode}}}\n"));
        return 0;
    }
}
