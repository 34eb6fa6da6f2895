using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>fsync(2), fdatasync(2), sync(2), syncfs(2), sync_file_range(2), readahead(2), posix_fadvise(2).</summary>
internal static class SyncSyscalls
{
    public static SyscallResult SynchronizeFile(Task task, Fd fd) => Synchronize(task, fd, dataOnly: false);

    public static SyscallResult SynchronizeData(Task task, Fd fd) => Synchronize(task, fd, dataOnly: true);

    public static SyscallResult SynchronizeAll(Task task)
    {
        List<FileSystem> fileSystems = [];
        MountNamespace mounts = task.Fs.Mounts;
        using (MountNamespace.Lock.Enter())
        {
            foreach (Mount mount in mounts.Mounts)
            {
                if (!fileSystems.Contains(mount.FileSystem))
                    fileSystems.Add(mount.FileSystem);
            }
        }

        foreach (FileSystem fileSystem in fileSystems)
            _ = fileSystem.Synchronize(); // sync(2) cannot fail.
        return 0;
    }

    public static SyscallResult SynchronizeFileSystem(Task task, Fd fd)
    {
        if (task.Files.Get(fd).Failed(out OpenFile? file, out Errno error))
            return error;
        Errno result = file.Inode.FileSystem.Synchronize();
        file.Release();
        return result;
    }

    // The range is synchronised with the whole file: more than was asked for is allowed.
    public static SyscallResult SynchronizeRange(Task task, Fd fd, long offset, long length, uint flags)
    {
        const uint known = 7;
        if (task.Files.Get(fd).Failed(out OpenFile? file, out Errno error))
            return error;
        SyscallResult result = CheckRange(file, offset, length) is not Errno.Ok and Errno bad ? bad
            : (flags & ~known) != 0 ? Errno.EINVAL
            : file.Synchronize(dataOnly: true);
        file.Release();
        return result;
    }

    // Hints: the host's page cache reads ahead on its own.
    public static SyscallResult ReadAhead(Task task, Fd fd, long offset, ulong count)
    {
        if (task.Files.Get(fd).Failed(out OpenFile? file, out Errno error))
            return error;
        SyscallResult result = !file.IsReadable ? Errno.EBADF : file.Inode.IsRegular ? 0 : Errno.EINVAL;
        file.Release();
        return result;
    }

    public static SyscallResult Advise(Task task, Fd fd, long offset, long length, int advice)
    {
        if (task.Files.Get(fd).Failed(out OpenFile? file, out Errno error))
            return error;
        SyscallResult result = file.Inode.Type == FileType.Fifo ? Errno.ESPIPE
            : length < 0 || advice is < 0 or > 5 ? Errno.EINVAL
            : 0;
        file.Release();
        return result;
    }

    private static SyscallResult Synchronize(Task task, Fd fd, bool dataOnly)
    {
        if (task.Files.Get(fd).Failed(out OpenFile? file, out Errno error))
            return error;
        Errno result = file.Synchronize(dataOnly);
        file.Release();
        return result;
    }

    private static Errno CheckRange(OpenFile file, long offset, long length)
    {
        if (offset < 0 || length < 0 || offset > long.MaxValue - length)
            return Errno.EINVAL;
        return file.Inode.Type is FileType.Regular or FileType.Directory or FileType.BlockDevice
            or FileType.SymbolicLink
            ? Errno.Ok
            : Errno.ESPIPE;
    }
}
