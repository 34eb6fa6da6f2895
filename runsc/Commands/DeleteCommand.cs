using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.State;

namespace Sandbox.Runsc.Commands;

/// <summary><c>delete</c>: removes what is left of a container.</summary>
internal static class DeleteCommand
{
    public static Command Definition { get; } = new()
    {
        Name = "delete",
        Usage = "CONTAINER…",
        Summary = "remove stopped containers",
        Flags = [new(
            "force", FlagKind.Switch, "kill it first if it still runs; no error if there is none", Short: "f")],
        Run = Run,
    };

    private static int Run(GlobalOptions options, Arguments arguments)
    {
        if (arguments.Positional.Count == 0)
            throw new Failure("delete: the container's id is missing");
        StateDirectory states = new(options.Root);
        foreach (string id in arguments.Positional)
            Delete(states, id, arguments.Has("force"));
        return 0;
    }

    private static void Delete(StateDirectory states, string id, bool force)
    {
        using ContainerDirectory? directory = force ? states.Find(id) : states.Open(id);
        if (directory is null)
            return;
        if (!force && directory.TryLoad() is { } state && ContainerLife.Status(state) is "running" or "paused")
            throw new Failure(
                $"cannot delete container {id} that is not stopped: {ContainerLife.Status(directory.Load())}");
        ContainerLife.Destroy(directory);
    }
}
