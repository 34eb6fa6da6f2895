using Sandbox.Linux;
using Sandbox.Sentry.Kernel;
using Sandbox.Sentry.Vfs;
using CloneFlags = Sandbox.Sentry.Kernel.CloneFlags;

namespace Sandbox.Sentry.Syscalls;

/// <summary>unshare(2).</summary>
internal static class NamespaceSyscalls
{
    public static SyscallResult Unshare(Task task, ulong flags)
    {
        CloneFlags all = (CloneFlags)flags;
        const CloneFlags known = CloneFlags.NewNamespaces | CloneFlags.Fs | CloneFlags.Files | CloneFlags.Thread
            | CloneFlags.SignalHandlers | CloneFlags.Memory | CloneFlags.SystemVSemaphores;
        if ((all & ~known) != 0)
            return Errno.EINVAL;
        const CloneFlags singleThread = CloneFlags.Thread | CloneFlags.SignalHandlers | CloneFlags.Memory | CloneFlags.NewUser;
        if ((all & singleThread) != 0 && task.Group.Tasks.Count > 1)
            return Errno.EINVAL;
        if (NamespaceChange.For(task, all).Failed(out NamespaceChange? change, out Errno error))
            return error;

        if (change.Fs is not null)
            task.Fs = change.Fs;
        else if ((all & (CloneFlags.Fs | CloneFlags.NewUser)) != 0)
            task.Fs = task.Fs.Clone();
        if ((all & CloneFlags.Files) != 0 && !task.Files.IsUnshared)
        {
            FdTable copy = task.Files.Clone();
            task.Files.RemoveUser();
            task.Files = copy;
        }

        task.Credentials = change.Credentials ?? task.Credentials;
        task.Namespaces = change.Set ?? task.Namespaces;
        return 0;
    }
}
