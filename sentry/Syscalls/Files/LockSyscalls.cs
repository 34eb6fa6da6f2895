using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>struct flock (fcntl(2)).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FlockArgument
{
    public const short ReadLock = 0, WriteLock = 1, Unlock = 2;

    public short Type;
    public short Whence;
    private readonly int _padding0;
    public long Start;
    public long Length;
    public int Pid;
    private readonly int _padding1;
}

/// <summary>flock(2), and the lock commands of fcntl(2).</summary>
internal static class LockSyscalls
{
    private const int Shared = 1, Exclusive = 2, NonBlocking = 4, Unlock = 8;

    public static SyscallResult Lock(Task task, Fd fd, int operation)
    {
        int kind = operation & ~NonBlocking;
        if (kind is not (Shared or Exclusive or Unlock))
            return Errno.EINVAL;
        if (task.Files.Get(fd).Failed(out OpenFile? file, out Errno error))
            return error;
        try
        {
            FileLocks locks = FileLocks.Of(file.Inode);
            if (kind == Unlock)
            {
                locks.UnlockWhole(file);
                return 0;
            }

            if ((operation & NonBlocking) != 0)
                return locks.LockWhole(file, kind == Exclusive);
            return Blocking.Until(
                task.Sleeper, locks.Waiters, PollEvents.Readable, Deadline.Never, (locks, file, kind),
                static state => AsResult(state.locks.LockWhole(state.file, state.kind == Exclusive)));
        }
        finally
        {
            file.Release();
        }
    }

    /// <summary>F_GETLK, F_OFD_GETLK.</summary>
    public static SyscallResult Get(Task task, OpenFile file, UserPtr<FlockArgument> address, bool isOpenFileLock)
    {
        if (ReadArgument(task, file, address, isOpenFileLock, out FlockArgument argument, out RangeLock wanted)
            is not Errno.Ok and Errno error)
            return error;
        if (argument.Type is not (FlockArgument.ReadLock or FlockArgument.WriteLock))
            return Errno.EINVAL;
        if (!FileLocks.Of(file.Inode).FindConflict(wanted, out RangeLock conflict))
        {
            argument.Type = FlockArgument.Unlock;
            return task.Memory.Write(address, argument);
        }

        argument.Type = conflict.IsExclusive ? FlockArgument.WriteLock : FlockArgument.ReadLock;
        argument.Whence = (short)SeekWhence.Set;
        argument.Start = conflict.Start;
        argument.Length = conflict.End == long.MaxValue ? 0 : conflict.End - conflict.Start + 1;
        argument.Pid = conflict.Process is ThreadGroup group ? group.Id.In(task.PidNamespace) : -1;
        return task.Memory.Write(address, argument);
    }

    /// <summary>F_SETLK, F_SETLKW and their OFD kin.</summary>
    public static SyscallResult Set(
        Task task, Fd fd, OpenFile file, UserPtr<FlockArgument> address, bool isOpenFileLock, bool waits)
    {
        if (ReadArgument(task, file, address, isOpenFileLock, out FlockArgument argument, out RangeLock wanted)
            is not Errno.Ok and Errno error)
            return error;
        FileLocks locks = FileLocks.Of(file.Inode);
        switch (argument.Type)
        {
            case FlockArgument.Unlock:
                return locks.ClearRange(wanted);
            case FlockArgument.ReadLock when !file.IsReadable:
            case FlockArgument.WriteLock when !file.IsWritable:
                return Errno.EBADF;
            case FlockArgument.ReadLock or FlockArgument.WriteLock:
                break;
            default:
                return Errno.EINVAL;
        }

        SyscallResult result = waits ? WaitForRange(task, locks, wanted, !isOpenFileLock) : locks.SetRange(wanted);

        // A descriptor closed by another thread meanwhile would leave the lock behind for ever.
        if (result.Error == Errno.Ok && !isOpenFileLock && !IsStillOpen(task, fd, file))
        {
            _ = locks.ClearRange(wanted);
            return Errno.EBADF;
        }

        return result;
    }

    private static SyscallResult WaitForRange(Task task, FileLocks locks, RangeLock wanted, bool detectsDeadlock)
    {
        object self = wanted.Owner;
        try
        {
            return Blocking.Until(
                task.Sleeper, locks.Waiters, PollEvents.Readable, Deadline.Never, (locks, wanted, detectsDeadlock),
                static state =>
                {
                    Errno error = state.locks.SetRange(state.wanted);
                    if (error != Errno.EAGAIN || !state.detectsDeadlock)
                        return AsResult(error);
                    if (state.locks.FindConflict(state.wanted, out RangeLock holder)
                        && !LockWaits.Begin(state.wanted.Owner, holder.Owner))
                        return Errno.EDEADLK;
                    return Errno.EAGAIN;
                });
        }
        finally
        {
            LockWaits.End(self);
        }
    }

    private static Errno ReadArgument(
        Task task, OpenFile file, UserPtr<FlockArgument> address, bool isOpenFileLock, out FlockArgument argument,
        out RangeLock range)
    {
        range = default;
        if (task.Memory.Read(address, out argument) is not Errno.Ok and Errno fault)
            return fault;
        if (isOpenFileLock && argument.Pid != 0)
            return Errno.EINVAL;
        if (BaseOf(task, file, argument.Whence).Failed(out long start, out Errno error))
            return error;
        if (argument.Start > 0 && start > long.MaxValue - argument.Start)
            return Errno.EOVERFLOW;
        start += argument.Start;
        long end = long.MaxValue;
        if (argument.Length > 0)
        {
            if (argument.Length - 1 > long.MaxValue - start)
                return Errno.EOVERFLOW;
            end = start + argument.Length - 1;
        }
        else if (argument.Length < 0)
        {
            // fcntl(2): a negative length means the bytes before the start.
            if (start <= 0 || argument.Length < -start)
                return Errno.EINVAL;
            end = start - 1;
            start += argument.Length;
        }

        if (start < 0)
            return Errno.EINVAL;
        bool isExclusive = argument.Type == FlockArgument.WriteLock;
        range = isOpenFileLock
            ? new RangeLock(start, end, isExclusive, file, null)
            : new RangeLock(start, end, isExclusive, task.Files, task.Group);
        return Errno.Ok;
    }

    private static Result<long> BaseOf(Task task, OpenFile file, short whence)
    {
        switch ((SeekWhence)whence)
        {
            case SeekWhence.Set:
                return 0L;
            case SeekWhence.Current:
                return file.Position;
            case SeekWhence.End:
                return StatOperations.GetStat(file.Inode, task.Credentials, out Stat stat)
                    is not Errno.Ok and Errno error
                    ? error
                    : stat.SizeBytes;
            default:
                return Errno.EINVAL;
        }
    }

    private static bool IsStillOpen(Task task, Fd fd, OpenFile file)
    {
        if (task.Files.Get(fd).Failed(out OpenFile? now, out _))
            return false;
        now.Release();
        return now == file;
    }

    private static Result<int> AsResult(Errno error) => error == Errno.Ok ? 0 : error;
}
