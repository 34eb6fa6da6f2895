using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>getdents(2), mkdir(2), mknod(2), rmdir(2), chdir(2), getcwd(2), chroot(2).</summary>
internal static class DirectorySyscalls
{
    public static SyscallResult GetEntries64(Task task, Fd fd, UserAddress buffer, uint count) =>
        GetEntries(task, fd, buffer, count, isOld: false);

    public static SyscallResult GetEntriesOld(Task task, Fd fd, UserAddress buffer, uint count) =>
        GetEntries(task, fd, buffer, count, isOld: true);

    public static SyscallResult MakeDirectory(Task task, UserString path, uint mode) =>
        MakeDirectoryAt(task, Fd.CurrentDirectory, path, mode);

    public static SyscallResult MakeDirectoryAt(Task task, Fd directory, UserString path, uint mode)
    {
        Span<byte> buffer = stackalloc byte[UserMemory.MaxPathBytes];
        if (FileTarget.ReadPath(task, directory, path, buffer, out VfsPath start, out ReadOnlySpan<byte> text)
            is not Errno.Ok and Errno error)
            return error;
        return CreateOperations.CreateDirectory(task, start, text, mode);
    }

    public static SyscallResult MakeNode(Task task, UserString path, uint mode, uint device) =>
        MakeNodeAt(task, Fd.CurrentDirectory, path, mode, device);

    public static SyscallResult MakeNodeAt(Task task, Fd directory, UserString path, uint mode, uint device)
    {
        Span<byte> buffer = stackalloc byte[UserMemory.MaxPathBytes];
        if (FileTarget.ReadPath(task, directory, path, buffer, out VfsPath start, out ReadOnlySpan<byte> text)
            is not Errno.Ok and Errno error)
            return error;
        return CreateOperations.CreateNode(task, start, text, mode, device).Failed(out _, out error) ? error : 0;
    }

    public static SyscallResult RemoveDirectory(Task task, UserString path)
    {
        Span<byte> buffer = stackalloc byte[UserMemory.MaxPathBytes];
        if (FileTarget.ReadPath(task, Fd.CurrentDirectory, path, buffer, out VfsPath start, out ReadOnlySpan<byte> text)
            is not Errno.Ok and Errno error)
            return error;
        return RemoveOperations.RemoveDirectory(task, start, text);
    }

    public static SyscallResult ChangeDirectory(Task task, UserString path)
    {
        if (FileTarget.Find(task, Fd.CurrentDirectory, path, AtFlags.None, out FileTarget target)
            is not Errno.Ok and Errno error)
            return error;
        using (target)
            return SetWorkingDirectory(task, target.Path);
    }

    public static SyscallResult ChangeDirectoryTo(Task task, Fd fd)
    {
        if (FileTarget.Of(task, fd, allowPathOnly: true, out FileTarget target) is not Errno.Ok and Errno error)
            return error;
        using (target)
            return target.Path.IsSome ? SetWorkingDirectory(task, target.Path) : Errno.ENOTDIR;
    }

    public static SyscallResult GetWorkingDirectory(Task task, UserAddress buffer, ulong size)
    {
        if (PathText.CurrentDirectory(task.Fs.WorkingDirectory, task.Fs.Root).Failed(out byte[]? text, out Errno error))
            return error;
        if ((ulong)text.Length > size)
            return Errno.ERANGE;
        return task.Memory.Write(buffer, text) is not Errno.Ok and Errno fault ? fault : text.Length;
    }

    public static SyscallResult ChangeRoot(Task task, UserString path)
    {
        if (FileTarget.Find(task, Fd.CurrentDirectory, path, AtFlags.None, out FileTarget target)
            is not Errno.Ok and Errno error)
            return error;
        using (target)
        {
            if (CheckDirectory(task, target.Path) is not Errno.Ok and Errno refused)
                return refused;
            if (!task.Credentials.Has(Capability.SysChroot, task.Credentials.UserNamespace))
                return Errno.EPERM;
            task.Fs.Root = target.Path;
            return 0;
        }
    }

    private static SyscallResult SetWorkingDirectory(Task task, VfsPath path)
    {
        if (CheckDirectory(task, path) is not Errno.Ok and Errno refused)
            return refused;
        task.Fs.WorkingDirectory = path;
        return 0;
    }

    private static Errno CheckDirectory(Task task, VfsPath path) =>
        path.Inode.IsDirectory ? Access.Check(path.Inode, AccessMask.Execute, task.Credentials) : Errno.ENOTDIR;

    private static SyscallResult GetEntries(Task task, Fd fd, UserAddress address, uint count, bool isOld)
    {
        if (task.Files.Get(fd).Failed(out OpenFile? file, out Errno error))
            return error;
        byte[] buffer = ScratchBuffers.Rent();
        try
        {
            if (!file.Inode.IsDirectory)
                return Errno.ENOTDIR;
            DirectoryEncoder encoder = new(buffer, (int)Math.Min(count, (uint)buffer.Length), isOld);
            if (file.ReadDirectory(encoder) is not Errno.Ok and Errno failed)
                return failed;
            if (encoder.Length == 0 && encoder.HasRefused)
                return Errno.EINVAL; // getdents(2): the buffer is too small for a single entry.
            return task.Memory.Write(address, buffer.AsSpan(0, encoder.Length)) is not Errno.Ok and Errno fault
                ? fault
                : encoder.Length;
        }
        finally
        {
            ScratchBuffers.Return(buffer);
            file.Release();
        }
    }
}
