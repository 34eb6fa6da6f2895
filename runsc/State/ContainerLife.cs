using Sandbox.Linux;
using Sandbox.Runsc.Cgroups;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Launch;
using Sandbox.Runsc.Spec;
using Sandbox.Sentry.Control;

namespace Sandbox.Runsc.State;

/// <summary>What can be said of and done to a container whatever state its processes are in.</summary>
internal static class ContainerLife
{
    private const int Kill = 9, EndLimitMilliseconds = 10_000;

    /// <summary>
    /// "created", "running", "paused" or "stopped", for a command that has the container's lock: a create that holds it
    /// no more and did not get further was killed, and what is left of it is only to be deleted.
    /// </summary>
    public static string Status(ContainerState state)
    {
        if (state.Phase == ContainerPhase.Creating)
            return "stopped";
        return state.Monitor.IsAlive && state.Sentry.IsAlive ? StateOutput.NameOf(state.Phase) : "stopped";
    }

    /// <summary>The same, or "creating", for a command without the lock.</summary>
    public static string StatusWithoutLock(StateDirectory states, ContainerState state)
    {
        if (state.Phase == ContainerPhase.Creating && ContainerDirectory.IsLocked(states.PathOf(state.Id)))
            return "creating";
        return Status(state);
    }

    /// <summary>The connection to a container's sandbox; fails with "container not running" if it is over.</summary>
    public static ControlClient Connect(StateDirectory states, ContainerState state)
    {
        if (Status(state) == "stopped")
            throw new Failure("container not running");
        return ControlClient.TryConnect(states.PathOf(state.SandboxId)) ?? throw new Failure("container not running");
    }

    /// <summary>Ends whatever is left of it and removes every trace.</summary>
    public static void Destroy(ContainerDirectory directory)
    {
        if (directory.TryLoad() is { } state)
        {
            LeaveSandbox(directory, state);
            EndProcesses(state);
            CgroupSet.Remove(state);
            RunPoststopHooks(directory, state);
        }

        directory.Remove();
    }

    /// <summary>
    /// A sandbox that goes on ends the container's processes and forgets it, and with it lets go of its Gofer and its
    /// files. Fails if it cannot: then the container is still there.
    /// </summary>
    private static void LeaveSandbox(ContainerDirectory directory, ContainerState state)
    {
        if (state.SandboxId == state.Id || !state.Sentry.IsAlive)
            return;
        string sandbox = Path.Combine(Path.GetDirectoryName(directory.DirectoryPath)!, state.SandboxId);
        using ControlClient? client = ControlClient.TryConnect(sandbox);
        if (client is null && state.Sentry.IsAlive)
            throw new Failure("the sandbox does not answer");
        try
        {
            client?.Ask(new ControlRequest { Method = ControlMethod.Delete, Container = state.Id });
        }
        catch (Failure failure) when (failure.Message == ControlError.NoContainer || !state.Sentry.IsAlive)
        {
            // It was never made there, or the sandbox ends just now.
        }
    }

    private static void EndProcesses(ContainerState state)
    {
        bool isSandbox = state.SandboxId == state.Id;
        // The monitor first: its end alone tells a Sentry that survives (a pod's) to end the container.
        ReadOnlySpan<ProcessIdentity> processes = isSandbox
            ? [state.Monitor, state.Sentry, state.Gofer]
            : [state.Monitor, state.Gofer];
        foreach (ProcessIdentity process in processes)
        {
            if (process.Open().Failed(out HostFd? pidFd, out _))
                continue;
            using (pidFd)
            {
                HostChild.Signal(pidFd, Kill);
                if (!HostChild.WaitForEnd(pidFd, EndLimitMilliseconds))
                    throw new Failure($"process {process.Id} does not end");
            }
        }
    }

    private static void RunPoststopHooks(ContainerDirectory directory, ContainerState state)
    {
        if (!state.HasLaterHooks || directory.LoadConfig() is not { } json)
            return;
        try
        {
            Hooks.RunAll(SpecReader.Parse(json, "config.json").Hooks?.Poststop, "poststop", state, "stopped");
        }
        catch (Failure)
        {
            // It was valid when the container was made; a damaged copy must not keep it from being deleted.
        }
    }
}
