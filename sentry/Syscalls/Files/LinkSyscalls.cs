using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>link(2), unlink(2), symlink(2), readlink(2), rename(2) and their "at" forms.</summary>
internal static class LinkSyscalls
{
    public static SyscallResult Link(Task task, UserString oldPath, UserString newPath) =>
        LinkAt(task, Fd.CurrentDirectory, oldPath, Fd.CurrentDirectory, newPath, AtFlags.None);

    public static SyscallResult LinkAt(
        Task task, Fd oldDirectory, UserString oldPath, Fd newDirectory, UserString newPath, AtFlags flags)
    {
        if ((flags & ~(AtFlags.SymlinkFollow | AtFlags.EmptyPath)) != 0)
            return Errno.EINVAL;
        if ((flags & AtFlags.EmptyPath) != 0 && !task.Credentials.Has(Capability.DacReadSearch))
            return Errno.ENOENT;
        AtFlags find = (flags & AtFlags.EmptyPath)
            | ((flags & AtFlags.SymlinkFollow) != 0 ? 0 : AtFlags.SymlinkNoFollow);
        if (FileTarget.Find(task, oldDirectory, oldPath, find, out FileTarget target) is not Errno.Ok and Errno error)
            return error;
        using (target)
        {
            if (!target.Path.IsSome)
                return Errno.EXDEV;
            Span<byte> buffer = stackalloc byte[UserMemory.MaxPathBytes];
            if (FileTarget.ReadPath(task, newDirectory, newPath, buffer, out VfsPath start, out ReadOnlySpan<byte> text)
                is not Errno.Ok and Errno bad)
                return bad;
            return CreateOperations.Link(task, target.Path, start, text);
        }
    }

    public static SyscallResult Unlink(Task task, UserString path) =>
        UnlinkAt(task, Fd.CurrentDirectory, path, AtFlags.None);

    public static SyscallResult UnlinkAt(Task task, Fd directory, UserString path, AtFlags flags)
    {
        if ((flags & ~AtFlags.RemoveDirectory) != 0)
            return Errno.EINVAL;
        Span<byte> buffer = stackalloc byte[UserMemory.MaxPathBytes];
        if (FileTarget.ReadPath(task, directory, path, buffer, out VfsPath start, out ReadOnlySpan<byte> text)
            is not Errno.Ok and Errno error)
            return error;
        return (flags & AtFlags.RemoveDirectory) != 0
            ? RemoveOperations.RemoveDirectory(task, start, text)
            : RemoveOperations.Unlink(task, start, text);
    }

    public static SyscallResult MakeSymbolicLink(Task task, UserString target, UserString path) =>
        MakeSymbolicLinkAt(task, target, Fd.CurrentDirectory, path);

    public static SyscallResult MakeSymbolicLinkAt(Task task, UserString target, Fd directory, UserString path)
    {
        Span<byte> targetBuffer = stackalloc byte[UserMemory.MaxPathBytes];
        if (task.Memory.ReadPath(target, targetBuffer, out ReadOnlySpan<byte> targetText)
            is not Errno.Ok and Errno fault)
            return fault;
        Span<byte> buffer = stackalloc byte[UserMemory.MaxPathBytes];
        if (FileTarget.ReadPath(task, directory, path, buffer, out VfsPath start, out ReadOnlySpan<byte> text)
            is not Errno.Ok and Errno error)
            return error;
        return CreateOperations.CreateSymbolicLink(task, start, text, targetText);
    }

    public static SyscallResult ReadLink(Task task, UserString path, UserAddress buffer, int size) =>
        ReadLinkAt(task, Fd.CurrentDirectory, path, buffer, size);

    public static SyscallResult ReadLinkAt(Task task, Fd directory, UserString path, UserAddress buffer, int size)
    {
        if (size <= 0)
            return Errno.EINVAL;

        // readlink(2): an empty path means the link that the descriptor was opened for with O_PATH.
        AtFlags flags = AtFlags.SymlinkNoFollow | AtFlags.EmptyPath;
        if (FileTarget.Find(task, directory, path, flags, out FileTarget target) is not Errno.Ok and Errno error)
            return error;
        using (target)
        {
            if (!target.Inode.IsSymbolicLink)
                return target.Path.IsSome ? Errno.EINVAL : Errno.ENOENT;
            if (target.Inode.ReadLink(task).Failed(out byte[]? text, out Errno failed))
                return failed;
            int count = Math.Min(size, text.Length);
            return task.Memory.Write(buffer, text.AsSpan(0, count)) is not Errno.Ok and Errno fault ? fault : count;
        }
    }

    public static SyscallResult Rename(Task task, UserString oldPath, UserString newPath) =>
        RenameAt2(task, Fd.CurrentDirectory, oldPath, Fd.CurrentDirectory, newPath, RenameFlags.None);

    public static SyscallResult RenameAt(
        Task task, Fd oldDirectory, UserString oldPath, Fd newDirectory, UserString newPath) =>
        RenameAt2(task, oldDirectory, oldPath, newDirectory, newPath, RenameFlags.None);

    public static SyscallResult RenameAt2(
        Task task, Fd oldDirectory, UserString oldPath, Fd newDirectory, UserString newPath, RenameFlags flags)
    {
        Span<byte> oldBuffer = stackalloc byte[UserMemory.MaxPathBytes];
        if (FileTarget.ReadPath(
            task, oldDirectory, oldPath, oldBuffer, out VfsPath oldStart, out ReadOnlySpan<byte> oldText)
            is not Errno.Ok and Errno oldError)
            return oldError;
        Span<byte> newBuffer = stackalloc byte[UserMemory.MaxPathBytes];
        if (FileTarget.ReadPath(
            task, newDirectory, newPath, newBuffer, out VfsPath newStart, out ReadOnlySpan<byte> newText)
            is not Errno.Ok and Errno newError)
            return newError;
        return RenameOperations.Rename(task, oldStart, oldText, newStart, newText, flags);
    }
}
