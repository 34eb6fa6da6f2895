using System.Globalization;
using System.Text;
using Sandbox.Linux;
using Sandbox.Platform.Spawn;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Spec;
using Sandbox.Runsc.State;
using static Tmds.Linux.LibC;

namespace Sandbox.Runsc.Launch;

/// <summary>
/// Runs the caller's programs at the points of a container's life, with its state on their standard input. Those of
/// startContainer are the container's own (<see cref="ContainerHooks"/>).
/// </summary>
internal static class Hooks
{
    private const int OutputMax = 4096;

    /// <summary>Runs hooks in order; fails when one does.</summary>
    /// <param name="hooks">None is fine.</param>
    /// <param name="kind">The field of the configuration.</param>
    /// <param name="state">The container, with its monitor.</param>
    /// <param name="phase">What its state is said to be.</param>
    /// <param name="insideNamespaces">They run in the monitor's namespaces, apart from that of the mounts.</param>
    public static void Run(
        HookSpec[]? hooks, string kind, ContainerState state, ContainerPhase phase, bool insideNamespaces = false)
    {
        if (hooks is null || hooks.Length == 0)
            return;
        byte[] json = StateOutput.ToJson(state, StateOutput.NameOf(phase), state.Monitor.Id);
        for (int index = 0; index < hooks.Length; index++)
        {
            if (Run(hooks[index], json, insideNamespaces ? state.Monitor.Id : 0) is { } problem)
                throw new Failure(Describe(kind, index, hooks[index], problem));
        }
    }

    /// <summary>Runs hooks whose failure is only told (poststop: the container is gone already).</summary>
    public static void RunAll(HookSpec[]? hooks, string kind, ContainerState state, string status)
    {
        byte[] json = StateOutput.ToJson(state, status, 0);
        for (int index = 0; index < (hooks?.Length ?? 0); index++)
        {
            if (Run(hooks![index], json, 0) is { } problem)
                ErrorReport.Warn(Describe(kind, index, hooks[index], problem));
        }
    }

    public static string Describe(string kind, int index, HookSpec hook, string problem) =>
        $"error running {kind} hook #{index.ToString(CultureInfo.InvariantCulture)} ({hook.Path}): {problem}";

    private static string? Run(HookSpec hook, byte[] state, int namespacesOf)
    {
        const int kill = 9, millisecondsPerSecond = 1000;
        if (HostFile.OpenAt(HostFile.CurrentDirectory, Encoding.UTF8.GetBytes(hook.Path!), OpenFlags.CloseOnExec)
            .Failed(out int program, out Errno error))
            return HostRoots.Describe(error);
        using HostFd programOwner = new(program);
        if (HostFile.CreateMemory("state\0"u8, 1).Failed(out int input, out error))
            return $"memfd_create: {error}";
        using HostFd inputOwner = new(input);
        HostFile.WriteAt(input, state, 0);
        // What it prints goes into a file: a daemon it leaves behind must not keep the command's own output open.
        if (HostFile.CreateMemory("output\0"u8, 1).Failed(out int output, out error))
            return $"memfd_create: {error}";
        using HostFd outputOwner = new(output);
        using SpawnScript script = new();
        List<HostFd> joined = [];
        script.Add("setsid", Sys.setsid);
        script.ResetSignals();
        if (namespacesOf > 0)
            Join(script, namespacesOf, joined);
        script.PassDescriptors([input, output, output]);
        SpawnArgument arguments = script.Texts(hook.Args is { Length: > 0 } ? hook.Args : [hook.Path!]);
        // By its path: a script's interpreter could not open a descriptor that closes at the execution.
        script.Add("execute", Sys.execve, script.Text(hook.Path!), arguments, script.Texts(hook.Env ?? []));
        SpawnOutcome outcome = script.Run();
        joined.ForEach(static fd => fd.Dispose());
        if (!outcome.Succeeded)
            return HostRoots.Describe(outcome.Error);
        using HostFd process = script.PidFd!;
        int limit = hook.Timeout is { } seconds ? seconds * millisecondsPerSecond : -1;
        if (!HostChild.WaitForEnd(process, limit))
        {
            HostChild.Signal(process, kill);
            HostChild.Wait(script.ProcessId);
            return $"did not end within {hook.Timeout} s{Output(output)}";
        }

        if (HostChild.Wait(script.ProcessId).Failed(out int status, out error))
            return $"wait: {error}";
        return status == 0 ? null : $"exit status {Sentry.Control.MonitorLink.ExitCode(status)}{Output(output)}";
    }

    /// <summary>
    /// The network, host name and IPC objects callers gave the container. Only root may; others have none of their own.
    /// </summary>
    private static void Join(SpawnScript script, int process, List<HostFd> joined)
    {
        if (geteuid() != 0)
            return;
        foreach (string name in (ReadOnlySpan<string>)["net", "uts", "ipc"])
        {
            byte[] path = Encoding.ASCII.GetBytes(
                string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/ns/{name}"));
            if (HostFile.OpenAt(HostFile.CurrentDirectory, path, OpenFlags.CloseOnExec).Failed(out int fd, out _))
                continue;
            joined.Add(new HostFd(fd));
            script.Add($"join {name}", Sys.setns, fd, 0);
        }
    }

    private static string Output(int file)
    {
        byte[] text = new byte[OutputMax];
        return HostFile.ReadAt(file, text, 0).Failed(out int length, out _) || length == 0
            ? string.Empty
            : ", output: " + Encoding.UTF8.GetString(text, 0, length).ReplaceLineEndings(" ").TrimEnd();
    }
}
