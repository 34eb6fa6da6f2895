using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Proc.Tasks;
using Sandbox.Sentry.Kernel.Shortcuts;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sockets;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>read(2), write(2), pread(2), pwrite(2), readv(2) and their relatives, lseek(2).</summary>
internal static class ReadWriteSyscalls
{
    private const int SmallVectors = 8;
    private const int HighPriority = 1, DataSync = 2, Sync = 4, NoWait = 8, Append = 16;

    public static SyscallResult Read(Task task, Fd fd, UserAddress buffer, ulong count) =>
        Single(task, fd, buffer, count, -1, isWrite: false);

    public static SyscallResult Write(Task task, Fd fd, UserAddress buffer, ulong count) =>
        Single(task, fd, buffer, count, -1, isWrite: true);

    public static SyscallResult ReadAt(Task task, Fd fd, UserAddress buffer, ulong count, long offset) =>
        offset < 0 ? Errno.EINVAL : Single(task, fd, buffer, count, offset, isWrite: false);

    public static SyscallResult WriteAt(Task task, Fd fd, UserAddress buffer, ulong count, long offset) =>
        offset < 0 ? Errno.EINVAL : Single(task, fd, buffer, count, offset, isWrite: true);

    public static SyscallResult ReadVector(Task task, Fd fd, UserPtr<IoVector> vectors, ulong count) =>
        Vector(task, fd, vectors, count, -1, 0, isWrite: false);

    public static SyscallResult WriteVector(Task task, Fd fd, UserPtr<IoVector> vectors, ulong count) =>
        Vector(task, fd, vectors, count, -1, 0, isWrite: true);

    public static SyscallResult ReadVectorAt(Task task, Fd fd, UserPtr<IoVector> vectors, ulong count, long offset) =>
        offset < 0 ? Errno.EINVAL : Vector(task, fd, vectors, count, offset, 0, isWrite: false);

    public static SyscallResult WriteVectorAt(Task task, Fd fd, UserPtr<IoVector> vectors, ulong count, long offset) =>
        offset < 0 ? Errno.EINVAL : Vector(task, fd, vectors, count, offset, 0, isWrite: true);

    // preadv2(2): the offset comes in two registers, of which x86-64 uses the first; -1 means the file's own position.
    public static SyscallResult ReadVector2(
        Task task, Fd fd, UserPtr<IoVector> vectors, ulong count, long offset, long unused, int flags) =>
        offset < -1 ? Errno.EINVAL
        : (flags & ~(HighPriority | NoWait)) != 0 ? Errno.EOPNOTSUPP
        : Vector(task, fd, vectors, count, offset, flags, isWrite: false);

    public static SyscallResult WriteVector2(
        Task task, Fd fd, UserPtr<IoVector> vectors, ulong count, long offset, long unused, int flags) =>
        offset < -1 ? Errno.EINVAL
        : (flags & ~(HighPriority | DataSync | Sync | NoWait)) != 0 ? Errno.EOPNOTSUPP
        : Vector(task, fd, vectors, count, offset, flags, isWrite: true);

    public static SyscallResult Seek(Task task, Fd fd, long offset, SeekWhence whence)
    {
        if (task.Files.Get(fd).Failed(out OpenFile? file, out Errno error))
            return error;
        SyscallResult result = (uint)whence > (uint)SeekWhence.Hole ? Errno.EINVAL : file.Seek(offset, whence);
        file.Release();
        return result;
    }

    private static SyscallResult Single(Task task, Fd fd, UserAddress buffer, ulong count, long offset, bool isWrite)
    {
        if (task.CallFile.Begin(task, fd).Failed(out OpenFile? file, out Errno error))
            return error;
        try
        {
            IoVector vector = new(buffer, count);
            if (IoRanges.Single(task.Memory, in vector, out IoRanges buffers) is not Errno.Ok and Errno bad)
                return bad;
            SyscallResult result = Transfer(task, file, ref buffers, offset, isWrite, noWait: false);
            if (!isWrite)
                TaskLeases.OnRead(task, fd.Number, file, offset, result.Register);
            return result;
        }
        finally
        {
            task.CallFile.End(task, file);
        }
    }

    private static SyscallResult Vector(
        Task task, Fd fd, UserPtr<IoVector> vectors, ulong count, long offset, int flags, bool isWrite)
    {
        if (task.CallFile.Begin(task, fd).Failed(out OpenFile? file, out Errno error))
            return error;
        try
        {
            Span<IoVector> room = stackalloc IoVector[SmallVectors];
            if (IoRanges.Many(task.Memory, vectors, count, room, out IoRanges buffers) is not Errno.Ok and Errno bad)
                return bad;
            SyscallResult result = Transfer(task, file, ref buffers, offset, isWrite, (flags & NoWait) != 0);
            buffers.Dispose();
            if (isWrite && (flags & (DataSync | Sync)) != 0 && result.Register > 0
                && file.Synchronize((flags & Sync) == 0) is not Errno.Ok and not Errno.EINVAL and Errno failed)
                return failed;
            return result;
        }
        finally
        {
            task.CallFile.End(task, file);
        }
    }

    private static SyscallResult Transfer(
        Task task, OpenFile file, ref IoRanges buffers, long offset, bool isWrite, bool noWait)
    {
        if (offset >= 0 && !file.IsSeekable)
            return !file.Inode.IsDirectory ? Errno.ESPIPE : isWrite ? Errno.EBADF : Errno.EISDIR;
        if (isWrite && file is Socket socket
            && (socket.StampsSender || (!socket.IsStream && buffers.Remaining > ScratchBuffers.Bytes)))
            return SocketTransfer.Send(
                task, socket, ref buffers, null, null, noWait ? SocketFlags.DontWait : SocketFlags.None);
        if (file is ProcMemoryOpenFile memory)
            return MemoryFileTransfer.Run(task, memory, ref buffers, offset, isWrite);
        return isWrite
            ? FileTransfer.Write(task, file, ref buffers, offset, noWait)
            : FileTransfer.Read(task, file, ref buffers, offset, noWait);
    }
}
