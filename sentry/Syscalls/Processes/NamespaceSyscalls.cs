using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>unshare(2), setns(2).</summary>
internal static class NamespaceSyscalls
{
    public static SyscallResult Unshare(Task task, ulong flags)
    {
        CloneFlags all = (CloneFlags)flags;
        const CloneFlags known = CloneFlags.NewNamespaces | CloneFlags.Fs | CloneFlags.Files | CloneFlags.Thread
            | CloneFlags.SignalHandlers | CloneFlags.Vm | CloneFlags.SysVSemaphores;
        if ((all & ~known) != 0)
            return Errno.EINVAL;
        const CloneFlags singleThread = CloneFlags.Thread | CloneFlags.SignalHandlers | CloneFlags.Vm
            | CloneFlags.NewUser;
        if ((all & singleThread) != 0 && task.Group.Tasks.Count > 1)
            return Errno.EINVAL;
        if (NamespaceChange.For(task, all).Failed(out NamespaceChange? change, out Errno error))
            return error;
        if ((all & CloneFlags.Files) != 0 && task.UnshareFiles() is not Errno.Ok and Errno crowded)
        {
            change.Fs?.Release();
            return crowded;
        }

        if (change.Fs is not null)
            task.ReplaceFs(change.Fs);
        else if ((all & (CloneFlags.Fs | CloneFlags.NewUser)) != 0)
            task.ReplaceFs(task.Fs.Clone());
        task.Credentials = change.Credentials ?? task.Credentials;
        task.Namespaces = change.Set ?? task.Namespaces;
        return 0;
    }

    public static SyscallResult SetNamespace(Task task, Fd fd, int kind)
    {
        if (task.Files.Get(fd).Failed(out OpenFile? file, out Errno error))
            return error;
        CloneFlags wanted = (CloneFlags)(uint)kind;
        SyscallResult result = file switch
        {
            INamespaceFile found when wanted == CloneFlags.None || wanted == found.Namespace.Type =>
                Join(task, [found.Namespace]),
            IPidFile process when wanted != CloneFlags.None
                && (wanted & ~CloneFlags.NewNamespaces) == 0 =>
                JoinAll(task, process.Process, wanted),
            _ => Errno.EINVAL,
        };
        file.Release();
        return result;
    }

    /// <summary>Several namespaces of a process at once: all or none.</summary>
    private static SyscallResult JoinAll(Task task, ThreadGroup process, CloneFlags wanted)
    {
        Task target;
        using (task.Kernel.Tree.Enter())
        {
            if (process.IsZombie || process.IsReaped || process.Tasks.Count == 0)
                return Errno.ESRCH;
            target = process.Leader;
        }

        List<GuestNamespace> spaces = [];
        foreach (string name in (ReadOnlySpan<string>)["user", "mnt", "uts", "ipc", "pid", "cgroup", "net"])
        {
            GuestNamespace space = GuestNamespace.Of(target, name)!;
            if ((space.Type & wanted) != 0)
                spaces.Add(space);
        }

        return Join(task, spaces);
    }

    // Checked against the credentials that joining a user namespace first would give (setns(2)).
    private static SyscallResult Join(Task task, List<GuestNamespace> spaces)
    {
        (Credentials credentials, NamespaceSet set, FsContext? fs) = (task.Credentials, task.Namespaces, null);
        foreach (GuestNamespace space in spaces)
        {
            Errno error = space.Target is UserNamespace user
                ? JoinUser(task, user, ref credentials)
                : JoinOther(task, space, credentials, ref set, ref fs);
            if (error == Errno.Ok)
                continue;
            fs?.Release();
            return error;
        }

        (task.Credentials, task.Namespaces) = (credentials, set);
        if (fs is not null)
            task.ReplaceFs(fs);
        return 0;
    }

    private static Errno JoinUser(Task task, UserNamespace space, ref Credentials credentials)
    {
        if (space == credentials.UserNamespace || task.Group.Tasks.Count > 1)
            return Errno.EINVAL;
        if (!credentials.Has(Capability.SysAdmin, space))
            return Errno.EPERM;
        credentials = credentials with
        {
            UserNamespace = space,
            Permitted = CapabilitySet.Full,
            Effective = CapabilitySet.Full,
            Inheritable = CapabilitySet.Empty,
            Ambient = CapabilitySet.Empty,
            Bounding = CapabilitySet.Full,
            SecureBits = 0,
        };
        return Errno.Ok;
    }

    private static Errno JoinOther(
        Task task, GuestNamespace space, Credentials credentials, ref NamespaceSet set, ref FsContext? fs)
    {
        if (!credentials.Has(Capability.SysAdmin, space.Owner!)
            || !credentials.Has(Capability.SysAdmin, credentials.UserNamespace))
            return Errno.EPERM;
        switch (space.Target)
        {
            case IpcNamespace ipc:
                set = set with { Ipc = ipc };
                return Errno.Ok;
            case NetworkNamespace network:
                set = set with { Network = network };
                return Errno.Ok;
            case UtsNamespace uts:
                set = set with { Uts = uts };
                return Errno.Ok;
            case PidNamespace pids:
                // Only downwards: a process keeps its ids in all namespaces above it.
                if (!pids.IsSelfOrBelow(task.PidNamespace))
                    return Errno.EINVAL;
                set = set with { PidForChildren = pids };
                return Errno.Ok;
            case MountNamespace mounts:
                if (!credentials.Has(Capability.SysChroot, credentials.UserNamespace))
                    return Errno.EPERM;
                if (!mounts.TryHold())
                    return Errno.ESRCH; // A process's, which is gone.
                fs?.Release();
                fs = new FsContext(mounts, space.Root, space.Root, task.Fs.Umask);
                return Errno.Ok;
            case CgroupNamespace cgroups:
                set = set with { Cgroup = cgroups };
                return Errno.Ok;
            default:
                return Errno.EINVAL;
        }
    }
}
