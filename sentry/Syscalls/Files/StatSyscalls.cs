using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>stat(2), statx(2), access(2), statfs(2).</summary>
internal static class StatSyscalls
{
    private const AtFlags StatFlags = AtFlags.SymlinkNoFollow | AtFlags.NoAutomount | AtFlags.EmptyPath;
    private const AtFlags StatxSyncMask = AtFlags.StatxForceSync | AtFlags.StatxDontSync;

    public static SyscallResult Stat(Task task, UserString path, UserPtr<Stat> result) =>
        StatAt(task, Fd.CurrentDirectory, path, result, AtFlags.None);

    public static SyscallResult LinkStat(Task task, UserString path, UserPtr<Stat> result) =>
        StatAt(task, Fd.CurrentDirectory, path, result, AtFlags.SymlinkNoFollow);

    public static SyscallResult FileStat(Task task, Fd fd, UserPtr<Stat> result)
    {
        if (FileTarget.Of(task, fd, allowPathOnly: true, out FileTarget target) is not Errno.Ok and Errno error)
            return error;
        using (target)
            return Answer(task, target.Inode, result);
    }

    public static SyscallResult StatAt(Task task, Fd directory, UserString path, UserPtr<Stat> result, AtFlags flags)
    {
        if ((flags & ~StatFlags) != 0)
            return Errno.EINVAL;
        if (FileTarget.Find(task, directory, path, flags, out FileTarget target) is not Errno.Ok and Errno error)
            return error;
        using (target)
            return Answer(task, target.Inode, result);
    }

    public static SyscallResult Statx(
        Task task, Fd directory, UserString path, AtFlags flags, uint mask, UserPtr<Statx> result)
    {
        const uint reserved = 0x80000000;
        if ((flags & ~(StatFlags | StatxSyncMask)) != 0 || (flags & StatxSyncMask) == StatxSyncMask
            || (mask & reserved) != 0)
            return Errno.EINVAL;
        if (FileTarget.Find(task, directory, path, flags, out FileTarget target) is not Errno.Ok and Errno error)
            return error;
        using (target)
        {
            if (StatOperations.GetStat(target.Inode, task.Credentials, out Stat stat) is not Errno.Ok and Errno failed)
                return failed;
            Statx extended = StatOperations.Extend(stat, target.Path);
            return task.Memory.Write(result, extended);
        }
    }

    public static SyscallResult Access(Task task, UserString path, int mode) =>
        AccessAt2(task, Fd.CurrentDirectory, path, mode, AtFlags.None);

    public static SyscallResult AccessAt(Task task, Fd directory, UserString path, int mode) =>
        AccessAt2(task, directory, path, mode, AtFlags.None);

    public static SyscallResult AccessAt2(Task task, Fd directory, UserString path, int mode, AtFlags flags)
    {
        if ((mode & ~7) != 0 || (flags & ~(AtFlags.EffectiveAccess | AtFlags.SymlinkNoFollow | AtFlags.EmptyPath)) != 0)
            return Errno.EINVAL;
        Credentials credentials = (flags & AtFlags.EffectiveAccess) != 0
            ? task.Credentials
            : Vfs.Access.WithRealIds(task.Credentials);
        if (FileTarget.Find(task, directory, path, flags, out FileTarget target, credentials)
            is not Errno.Ok and Errno error)
            return error;
        using (target)
        {
            if (mode == 0)
                return 0;
            bool isProgram = (mode & (int)AccessMask.Execute) != 0 && target.Inode.IsRegular;
            if (isProgram && target.Path.IsSome && (target.Path.Mount.Flags & MountFlags.NoExecute) != 0)
                return Errno.EACCES;
            return target.Path.IsSome
                ? Vfs.Access.Check(target.Path, (AccessMask)mode, credentials)
                : Vfs.Access.Check(target.Inode, (AccessMask)mode, credentials);
        }
    }

    public static SyscallResult StatFileSystem(Task task, UserString path, UserPtr<StatFs> result)
    {
        if (FileTarget.Find(task, Fd.CurrentDirectory, path, AtFlags.None, out FileTarget target)
            is not Errno.Ok and Errno error)
            return error;
        using (target)
            return Answer(task, target, result);
    }

    public static SyscallResult FileStatFileSystem(Task task, Fd fd, UserPtr<StatFs> result)
    {
        if (FileTarget.Of(task, fd, allowPathOnly: true, out FileTarget target) is not Errno.Ok and Errno error)
            return error;
        using (target)
            return Answer(task, target, result);
    }

    private static SyscallResult Answer(Task task, Inode inode, UserPtr<Stat> result)
    {
        if (StatOperations.GetStat(inode, task.Credentials, out Stat stat) is not Errno.Ok and Errno error)
            return error;
        return task.Memory.Write(result, stat);
    }

    private static SyscallResult Answer(Task task, scoped in FileTarget target, UserPtr<StatFs> result)
    {
        if (StatOperations.GetFileSystem(target.Inode.FileSystem, target.Path, out StatFs statistics)
            is not Errno.Ok and Errno error)
            return error;
        return task.Memory.Write(result, statistics);
    }
}
