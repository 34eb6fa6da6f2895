using Sandbox.Linux;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Launch;
using Sandbox.Runsc.Spec;
using Sandbox.Runsc.State;
using Sandbox.Sentry.Control;

namespace Sandbox.Runsc.Commands;

/// <summary><c>start</c>: lets a created container's program run.</summary>
internal static class StartCommand
{
    public static Command Definition { get; } = new()
    {
        Name = "start",
        Usage = "CONTAINER",
        Summary = "start the process of a created container",
        Run = static (options, arguments) =>
        {
            StateDirectory states = new(options.Root);
            using ContainerDirectory directory = states.Open(arguments.Single("the container's id"));
            Start(states, directory);
            return 0;
        },
    };

    /// <summary>Starts a created container under its lock.</summary>
    public static void Start(StateDirectory states, ContainerDirectory directory)
    {
        ContainerState state = directory.Load();
        string status = ContainerLife.Status(state);
        if (status != "created")
            throw new Failure($"cannot start a container that is {status}");
        Specification? specification = state.HasLaterHooks && directory.LoadConfig() is { } json
            ? SpecReader.Parse(json, "config.json")
            : null;
        HooksSpec? hooks = specification?.Hooks;
        OrKill(state, () => ContainerHooks.Run(hooks?.StartContainer, specification?.Process, states, state));
        using (ControlClient client = ContainerLife.Connect(states, state))
            client.Ask(new ControlRequest { Method = ControlMethod.Start, Container = state.Id });
        state.Phase = ContainerPhase.Running;
        directory.Save(state);
        OrKill(state, () => Hooks.Run(hooks?.Poststart, "poststart", state, ContainerPhase.Running));
    }

    /// <summary>A hook that fails ends the container (runtime-spec, "Lifecycle"), as with runc.</summary>
    private static void OrKill(ContainerState state, Action action)
    {
        const int kill = 9;
        try
        {
            action();
        }
        catch (Failure)
        {
            if (!state.Monitor.Open().Failed(out HostFd? monitor, out _))
            {
                using (monitor)
                    HostChild.Signal(monitor, kill);
            }

            throw;
        }
    }
}
