using Sandbox.Linux;
using Sandbox.Platform.Shortcuts;
using Sandbox.Sentry.Kernel.Seccomp;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Kernel.Shortcuts;

/// <summary>
/// The ids that a guest thread may be told without the Sentry. Whoever changes one of them, or begins to look at the
/// task's calls, has the platform forget them (the setters of <see cref="Task"/>).
/// </summary>
internal static class TaskIds
{
    /// <summary>Null while somebody looks at the task's calls, or an id may change by another's deed.</summary>
    public static GuestIds? Of(Task task)
    {
        Credentials credentials = task.Credentials;
        UserNamespace user = credentials.UserNamespace;
        if (task.Trace is not null || task.Kernel.Syscalls.WantsEveryCall || user.UserMap is null
            || user.GroupMap is null
            || (task.Seccomp is { } seccomp && !AllowsAll(seccomp)))
        {
            return null;
        }

        return new GuestIds(
            task.Group.Id.In(task.PidNamespace), task.Id.In(task.PidNamespace),
            user.UserFromKernel(credentials.UserId), user.UserFromKernel(credentials.EffectiveUserId),
            user.GroupFromKernel(credentials.GroupId), user.GroupFromKernel(credentials.EffectiveGroupId));
    }

    private static bool AllowsAll(SeccompState seccomp)
    {
        foreach (int number in (ReadOnlySpan<int>)[
            Sys.getpid, Sys.gettid, Sys.getuid, Sys.geteuid, Sys.getgid, Sys.getegid])
        {
            if (!seccomp.AlwaysAllows(number))
                return false;
        }

        return true;
    }
}
