using Sandbox.Linux;
using Sandbox.Sentry.Kernel;

namespace Sandbox.Sentry.Syscalls;

/// <summary>Process ids, process groups and sessions (getpid(2), setpgid(2), setsid(2)).</summary>
internal static class IdSyscalls
{
    public static SyscallResult GetPid(Task task) => task.Group.Id.In(task.PidNamespace);

    public static SyscallResult GetTid(Task task) => task.Id.In(task.PidNamespace);

    public static SyscallResult GetParentPid(Task task)
    {
        using (task.Kernel.Tree.Enter())
            return task.Group.Parent?.Id.In(task.PidNamespace) ?? 0;
    }
}
