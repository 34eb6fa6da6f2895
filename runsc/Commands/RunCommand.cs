using Sandbox.Linux;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Launch;
using Sandbox.Runsc.Spec;
using Sandbox.Runsc.State;

namespace Sandbox.Runsc.Commands;

/// <summary><c>run</c>: create, start, and unless detached: wait and delete.</summary>
internal static class RunCommand
{
    public static Command Definition { get; } = new()
    {
        Name = "run",
        Usage = "CONTAINER",
        Summary = "make and start a container, and wait for its end",
        Flags =
        [
            .. CreateFlags.All,
            new("detach", FlagKind.Switch, "do not wait", Short: "d"),
            new("keep", FlagKind.Switch, "do not delete the container at its end"),
            new("no-subreaper", FlagKind.Switch, "accepted for runc's sake"),
        ],
        Run = Run,
    };

    private static int Run(GlobalOptions options, Arguments arguments)
    {
        (string id, string bundle, byte[] config, Specification specification) = CreateFlags.Read(arguments);
        return Run(options, new RunRequest(id, bundle, config, specification)
        {
            PidFile = arguments.Get("pid-file"),
            ConsoleSocket = arguments.Get("console-socket"),
            PreserveFds = CreateFlags.PreserveFds(arguments),
            IsDetached = arguments.Has("detach"),
            Keeps = arguments.Has("keep"),
        });
    }

    /// <summary>Runs a container to its end, or detached to its start; the exit code is the container's.</summary>
    public static int Run(GlobalOptions options, RunRequest request)
    {
        using ConsolePair? console = ConsolePair.For(
            request.Specification.Process!, request.ConsoleSocket, request.IsDetached);
        using Foreground? foreground = request.IsDetached ? null : new Foreground(console);
        StateDirectory states = new(options.Root);
        HostFd monitor;
        int monitorId = 0;
        // Without hooks nothing has to happen between create and start: the sandbox is spared a command.
        bool startsAtOnce = request.Specification.Hooks is null;
        using (ContainerDirectory directory = states.Create(request.Id))
        {
            LaunchRequest launched = new(request.Bundle, console?.Slave ?? -1, request.PreserveFds)
            {
                StartsAtOnce = startsAtOnce, OverlaysRoot = true,
            };
            CreateCommand.Make(
                options, directory, request.Config, request.Specification, launched, launch =>
                {
                    monitorId = launch.State.Monitor.Id;
                    CreateFlags.WritePidFile(request.PidFile, monitorId);
                    if (!startsAtOnce)
                        StartCommand.Start(states, directory);
                });
            if (foreground is null)
                return 0;
            monitor = OpenChild(monitorId);
        }

        int exitCode;
        using (monitor)
            exitCode = foreground.Wait(monitor, monitorId);
        if (!request.Keeps)
            Delete(states, request.Id);
        return exitCode;
    }

    private static void Delete(StateDirectory states, string id)
    {
        using ContainerDirectory? directory = states.Find(id); // Somebody may have deleted it with force.
        if (directory is not null)
            ContainerLife.Destroy(directory);
    }

    /// <summary>Our own child that nobody has waited for yet: the id is still its.</summary>
    private static HostFd OpenChild(int processId) =>
        HostSyscall.AsInt(HostSyscall.Call(Sys.pidfd_open, processId)).Failed(out int fd, out Errno error)
            ? throw new Failure($"the monitor is gone: {error}")
            : new HostFd(fd);
}

/// <summary>What a run is asked for.</summary>
internal sealed record RunRequest(string Id, string Bundle, byte[] Config, Specification Specification)
{
    public string? PidFile { get; init; }
    public string? ConsoleSocket { get; init; }
    public int PreserveFds { get; init; }
    public bool IsDetached { get; init; }
    public bool Keeps { get; init; }
}
