using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>chmod(2), chown(2), umask(2), truncate(2), fallocate(2) and their relatives.</summary>
internal static class AttributeSyscalls
{
    public static SyscallResult ChangeMode(Task task, UserString path, uint mode) =>
        ChangeModeAt2(task, Fd.CurrentDirectory, path, mode, AtFlags.None);

    public static SyscallResult ChangeModeAt(Task task, Fd directory, UserString path, uint mode) =>
        ChangeModeAt2(task, directory, path, mode, AtFlags.None);

    public static SyscallResult ChangeModeAt2(Task task, Fd directory, UserString path, uint mode, AtFlags flags)
    {
        if ((flags & ~(AtFlags.SymlinkNoFollow | AtFlags.EmptyPath)) != 0)
            return Errno.EINVAL;
        if (FileTarget.Find(task, directory, path, flags, out FileTarget target) is not Errno.Ok and Errno error)
            return error;
        using (target)
            return AttributeOperations.ChangeMode(target.Path, target.Inode, mode, task.Credentials);
    }

    public static SyscallResult ChangeModeOf(Task task, Fd fd, uint mode)
    {
        if (FileTarget.Of(task, fd, allowPathOnly: false, out FileTarget target) is not Errno.Ok and Errno error)
            return error;
        using (target)
            return AttributeOperations.ChangeMode(target.Path, target.Inode, mode, task.Credentials);
    }

    public static SyscallResult ChangeOwner(Task task, UserString path, uint user, uint group) =>
        ChangeOwnerAt(task, Fd.CurrentDirectory, path, user, group, AtFlags.None);

    public static SyscallResult ChangeLinkOwner(Task task, UserString path, uint user, uint group) =>
        ChangeOwnerAt(task, Fd.CurrentDirectory, path, user, group, AtFlags.SymlinkNoFollow);

    public static SyscallResult ChangeOwnerAt(
        Task task, Fd directory, UserString path, uint user, uint group, AtFlags flags)
    {
        if ((flags & ~(AtFlags.SymlinkNoFollow | AtFlags.EmptyPath)) != 0)
            return Errno.EINVAL;
        if (FileTarget.Find(task, directory, path, flags, out FileTarget target) is not Errno.Ok and Errno error)
            return error;
        using (target)
            return SetOwner(task, target, user, group);
    }

    public static SyscallResult ChangeOwnerOf(Task task, Fd fd, uint user, uint group)
    {
        if (FileTarget.Of(task, fd, allowPathOnly: false, out FileTarget target) is not Errno.Ok and Errno error)
            return error;
        using (target)
            return SetOwner(task, target, user, group);
    }

    public static SyscallResult SetUmask(Task task, uint mask)
    {
        uint before = task.Fs.Umask;
        task.Fs.Umask = mask & ModeBits.Permissions;
        return (int)before;
    }

    public static SyscallResult Truncate(Task task, UserString path, long length)
    {
        if (length < 0)
            return Errno.EINVAL;
        if (FileTarget.Find(task, Fd.CurrentDirectory, path, AtFlags.None, out FileTarget target)
            is not Errno.Ok and Errno error)
            return error;
        using (target)
        {
            return ExceedsLimit(task, length)
                ? Errno.EFBIG
                : AttributeOperations.Truncate(target.Path, length, task.Credentials);
        }
    }

    public static SyscallResult TruncateFile(Task task, Fd fd, long length)
    {
        if (length < 0)
            return Errno.EINVAL;
        if (task.Files.Get(fd).Failed(out OpenFile? file, out Errno error))
            return error;
        try
        {
            if (!file.Inode.IsRegular || !file.IsWritable)
                return Errno.EINVAL;
            if (ExceedsLimit(task, length))
                return Errno.EFBIG;
            if (file.Truncate(length) is not Errno.Ok and Errno failed)
                return failed;
            AttributeOperations.RemovePrivileges(file.Inode, task.Credentials);
            FileEvents.Modified(file.Inode, file.Path.Dentry);
            return 0;
        }
        finally
        {
            file.Release();
        }
    }

    public static SyscallResult Allocate(Task task, Fd fd, int mode, long offset, long length)
    {
        if (task.Files.Get(fd).Failed(out OpenFile? file, out Errno error))
            return error;
        try
        {
            if (offset < 0 || length <= 0)
                return Errno.EINVAL;
            if (!file.IsWritable)
                return Errno.EBADF;
            if (file.Inode.Type == FileType.Fifo)
                return Errno.ESPIPE;
            if (!file.Inode.IsRegular)
                return file.Inode.IsDirectory ? Errno.EISDIR : Errno.ENODEV;
            if (length > long.MaxValue - offset)
                return Errno.EFBIG;
            const int keepSize = 1;
            if ((mode & keepSize) == 0 && ExceedsLimit(task, offset + length))
                return Errno.EFBIG;
            Errno result = file.Allocate(mode, offset, length);
            if (result != Errno.Ok)
                return result;
            AttributeOperations.RemovePrivileges(file.Inode, task.Credentials);
            FileEvents.Modified(file.Inode, file.Path.Dentry);
            return 0;
        }
        finally
        {
            file.Release();
        }
    }

    private static SyscallResult SetOwner(Task task, scoped in FileTarget target, uint user, uint group)
    {
        // -1 leaves an id as it is (chown(2)); an id without a mapping cannot be meant.
        UserNamespace space = task.Credentials.UserNamespace;
        uint? kernelUser = user == uint.MaxValue ? null : space.UserToKernel(user);
        uint? kernelGroup = group == uint.MaxValue ? null : space.GroupToKernel(group);
        if ((user != uint.MaxValue && kernelUser is null) || (group != uint.MaxValue && kernelGroup is null))
            return Errno.EINVAL;
        return AttributeOperations.ChangeOwner(target.Path, target.Inode, kernelUser, kernelGroup, task.Credentials);
    }

    private static bool ExceedsLimit(Task task, long length)
    {
        ulong limit = task.Group.Limits[Resource.FileSize].Soft;
        if ((ulong)length <= limit)
            return false;
        FileTransfer.SendToCaller(task, Signal.FileSizeLimit);
        return true;
    }
}
