using System.Text;
using Sandbox.Linux;
using Sandbox.Platform.Spawn;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Spec;
using Sandbox.Runsc.State;

namespace Sandbox.Runsc.Launch;

/// <summary>Runs the caller's programs at the points of a container's life, with its state on their standard input.</summary>
internal static class Hooks
{
    /// <summary>Runs hooks in order; fails when one does.</summary>
    public static void Run(HookSpec[]? hooks, string kind, ContainerState state, ContainerPhase phase)
    {
        if (hooks is null || hooks.Length == 0)
            return;
        byte[] json = StateOutput.ToJson(state, StateOutput.NameOf(phase), state.Monitor.Id);
        for (int index = 0; index < hooks.Length; index++)
        {
            if (Run(hooks[index], json) is { } problem)
                throw new Failure($"{kind} hook {hooks[index].Path}: {problem}");
        }
    }

    /// <summary>Runs hooks whose failure is only told (poststop: the container is gone already).</summary>
    public static void RunAll(HookSpec[]? hooks, ContainerState state, string status)
    {
        byte[] json = StateOutput.ToJson(state, status, 0);
        foreach (HookSpec hook in hooks ?? [])
            Run(hook, json);
    }

    private static string? Run(HookSpec hook, byte[] state)
    {
        const int kill = 9, millisecondsPerSecond = 1000;
        if (HostFile.OpenAt(-100, Encoding.UTF8.GetBytes(hook.Path!), OpenFlags.CloseOnExec).Failed(out int program, out Errno error))
            return HostRoots.Describe(error);
        using HostFd programOwner = new(program);
        if (HostFile.CreateMemory("state\0"u8, 1).Failed(out int input, out error))
            return $"memfd_create: {error}";
        using HostFd inputOwner = new(input);
        HostFile.WriteAt(input, state, 0);
        using SpawnScript script = new();
        script.Add("setsid", Sys.setsid);
        script.ResetSignals();
        script.PassDescriptors([input, 2, 2]);
        SpawnArgument arguments = script.Texts(hook.Args is { Length: > 0 } ? hook.Args : [hook.Path!]);
        // By its path: a script's interpreter could not open a descriptor that closes at the execution.
        script.Add("execute", Sys.execve, script.Text(hook.Path!), arguments, script.Texts(hook.Env ?? []));
        SpawnOutcome outcome = script.Run();
        if (!outcome.Succeeded)
            return HostRoots.Describe(outcome.Error);
        using HostFd process = script.PidFd!;
        int limit = hook.Timeout is { } seconds ? seconds * millisecondsPerSecond : -1;
        if (!HostChild.WaitForEnd(process, limit))
        {
            HostChild.Signal(process, kill);
            HostChild.Wait(script.ProcessId);
            return $"did not end within {hook.Timeout} s";
        }

        if (HostChild.Wait(script.ProcessId).Failed(out int status, out error))
            return $"wait: {error}";
        return status == 0 ? null : $"exit status {Sentry.Control.MonitorLink.ExitCode(status)}";
    }
}
