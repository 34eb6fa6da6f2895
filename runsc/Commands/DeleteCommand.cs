using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.State;

namespace Sandbox.Runsc.Commands;

/// <summary><c>delete</c>: removes what is left of a container.</summary>
internal static class DeleteCommand
{
    public static Command Definition { get; } = new()
    {
        Name = "delete",
        Usage = "CONTAINER",
        Summary = "remove a stopped container",
        Flags = [new("force", FlagKind.Switch, "kill it first if it still runs; no error if there is none", Short: "f")],
        Run = Run,
    };

    private static int Run(GlobalOptions options, Arguments arguments)
    {
        string id = arguments.Single("the container's id");
        bool force = arguments.Has("force");
        StateDirectory states = new(options.Root);
        using ContainerDirectory? directory = force ? states.Find(id) : states.Open(id);
        if (directory is null)
            return 0;
        if (!force && directory.TryLoad() is { } state && ContainerLife.Status(state) is "running" or "paused")
            throw new Failure($"cannot delete container {id} that is not stopped: {ContainerLife.Status(directory.Load())}");
        ContainerLife.Destroy(directory);
        return 0;
    }
}
