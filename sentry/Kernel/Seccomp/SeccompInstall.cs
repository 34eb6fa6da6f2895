using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Kernel.Seccomp;

/// <summary>Confines tasks: the kernel's side of seccomp(2), and of linux.seccomp in config.json.</summary>
internal static class SeccompInstall
{
    /// <summary>SECCOMP_MODE_STRICT for the calling task. EINVAL if it has filters; ENOMEM.</summary>
    public static SyscallResult Strict(Task task)
    {
        if (task.Seccomp is { IsStrict: false })
            return Errno.EINVAL;
        if (ShowCalls(task.Kernel, task.Thread, task.Seccomp, SeccompState.Strict, onAllThreads: false)
            is not Errno.Ok and Errno error)
            return error;
        task.Seccomp = SeccompState.Strict;
        return 0;
    }

    /// <summary>
    /// A further filter for the calling task, or all of its process. EACCES without no_new_privs or CAP_SYS_ADMIN,
    /// EINVAL, ENOMEM, ESRCH; a thread's id if that thread cannot take it.
    /// </summary>
    public static SyscallResult Filter(Task task, SeccompFilter filter, bool onAllThreads, bool failsWithErrno)
    {
        if (task.Seccomp is { IsStrict: true })
            return Errno.EINVAL;
        Credentials own = task.Credentials;
        if (!own.NoNewPrivileges && !own.Has(Capability.SysAdmin, own.UserNamespace))
            return Errno.EACCES;
        SeccompState? old = task.Seccomp;
        if (SeccompState.Extend(old, filter) is not { } state)
            return Errno.ENOMEM;
        // First the calls that the host runs natively come here; a call too many that comes costs only time.
        if (ShowCalls(task.Kernel, task.Thread, old, state, onAllThreads) is not Errno.Ok and Errno error)
            return error;
        if (!onAllThreads)
        {
            task.Seccomp = state;
            return 0;
        }

        return Synchronize(task, old, state, failsWithErrno);
    }

    /// <summary>
    /// Makes the calls that the host would run natively visible, as far as <paramref name="state"/> cares. ENOMEM,
    /// ESRCH.
    /// </summary>
    public static Errno ShowCalls(
        Kernel kernel, IGuestThread thread, SeccompState? old, SeccompState state, bool onAllThreads)
    {
        int[] wanted = state.NotAlwaysAllowed(kernel.Platform.NativeCalls);
        if (!onAllThreads && old is not null && old.NotAlwaysAllowed(wanted).Length == wanted.Length)
            return Errno.Ok;
        return thread.TrapCalls(wanted, onAllThreads);
    }

    private static SyscallResult Synchronize(Task task, SeccompState? old, SeccompState state, bool failsWithErrno)
    {
        using (task.Kernel.Tree.Enter())
        {
            foreach (Task other in task.Group.Tasks)
            {
                if (other != task && !(old is null ? other.Seccomp is null : old.DescendsFrom(other.Seccomp)))
                    return failsWithErrno ? Errno.ESRCH : other.Id.In(task.PidNamespace);
            }

            bool noNewPrivileges = task.Credentials.NoNewPrivileges;
            foreach (Task other in task.Group.Tasks)
            {
                other.Seccomp = state;
                if (noNewPrivileges && !other.Credentials.NoNewPrivileges)
                    other.Credentials = other.Credentials with { NoNewPrivileges = true };
            }
        }

        return 0;
    }
}
