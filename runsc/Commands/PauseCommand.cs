using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Launch;
using Sandbox.Runsc.State;
using Sandbox.Sentry.Control;

namespace Sandbox.Runsc.Commands;

/// <summary>
/// <c>pause</c> and <c>resume</c>: done inside the sandbox, so that nothing on the host is left frozen.
/// </summary>
internal static class PauseCommand
{
    public static Command Pause { get; } = Define(
        "pause", "stop all processes of a container where they are", "running", ContainerPhase.Paused);

    public static Command Resume { get; } = Define(
        "resume", "let a paused container go on", "paused", ContainerPhase.Running);

    private static Command Define(string name, string summary, string from, ContainerPhase to) => new()
    {
        Name = name,
        Usage = "CONTAINER",
        Summary = summary,
        Run = (options, arguments) => Run(options, arguments, name, from, to),
    };

    private static int Run(GlobalOptions options, Arguments arguments, string name, string from, ContainerPhase to)
    {
        StateDirectory states = new(options.Root);
        using ContainerDirectory directory = states.Open(arguments.Single("the container's id"));
        ContainerState state = directory.Load();
        string status = ContainerLife.Status(state);
        if (status != from)
            throw new Failure(
                status == "stopped" ? "container not running" : $"cannot {name} a container that is {status}");
        using ControlClient client = ContainerLife.Connect(states, state);
        string method = to == ContainerPhase.Paused ? ControlMethod.Pause : ControlMethod.Resume;
        client.Ask(new ControlRequest { Method = method, Container = state.Id });
        state.Phase = to;
        directory.Save(state);
        return 0;
    }
}
