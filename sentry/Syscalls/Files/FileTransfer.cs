using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>
/// Moves bytes between files and guest memory: what read(2), write(2) and their relatives share.
/// The only place where they wait.
/// </summary>
internal static class FileTransfer
{
    // Up to here a buffer on the stack is cheaper than a rented one.
    private const int SmallBytes = 1024;

    /// <summary>
    /// From here on a thread that serves several guests leaves the others to another one, as if it were about to sleep:
    /// one after the other they would wait for each other's copies.
    /// </summary>
    public const int LongBytes = 32768;

    /// <summary>
    /// Reads at the file's position, or at <paramref name="offset"/> if it is not negative. Blocks unless told not to.
    /// </summary>
    public static SyscallResult Read(
        Task task, OpenFile file, ref IoRanges buffers, long offset = -1, bool noWait = false)
    {
        if (!file.IsReadable)
            return Errno.EBADF;
        if (file.BeforeTransfer(task, isWrite: false) is not Errno.Ok and Errno refused)
            return refused;
        long done = 0;
        while (true)
        {
            Result<int> piece = ReadPiece(task, file, buffers, offset < 0 ? -1 : offset + done, noWait || done != 0);
            if (piece.Failed(out int count, out Errno error))
            {
                if (done == 0)
                    return error;
                break;
            }

            buffers.Advance(count);
            done += count;

            // A full piece may have more behind it, but not of a message, and nothing that would have to be waited for.
            bool isMessage = file.Waiters is not null && !file.WritesWholly;
            if (count < ScratchBuffers.Bytes || buffers.Remaining == 0 || isMessage)
                break;
        }

        if (done != 0)
            FileEvents.Accessed(file);
        return done;
    }

    /// <summary>Writes at the file's position, or at <paramref name="offset"/> if it is not negative.</summary>
    public static SyscallResult Write(
        Task task, OpenFile file, ref IoRanges buffers, long offset = -1, bool noWait = false)
    {
        if (!file.IsWritable)
            return Errno.EBADF;
        if (file.BeforeTransfer(task, isWrite: true) is not Errno.Ok and Errno refused)
            return refused;
        long allowed = buffers.Remaining;
        if (file.Inode.IsRegular && LimitSize(task, file, offset, ref allowed) is not Errno.Ok and Errno tooLarge)
            return tooLarge;
        long done = 0;
        while (true)
        {
            task.Sleeper.MayDefer &= done == 0;
            Result<int> piece = WritePiece(
                task, file, buffers, (int)Math.Min(allowed - done, ScratchBuffers.Bytes), offset < 0
                    ? -1
                    : offset + done, noWait,
                out int offered);
            if (piece.Failed(out int count, out Errno error))
            {
                if (error == Errno.EPIPE && file.WritesWholly)
                    SendToCaller(task, Signal.Pipe);
                if (done == 0)
                    return error;
                break;
            }

            buffers.Advance(count);
            done += count;
            bool isStopped = count == 0 || (count < offered && !(file.WritesWholly && !file.IsNonBlocking && !noWait));
            if (isStopped || done == allowed)
                break;
        }

        if (done != 0)
        {
            AttributeOperations.RemovePrivileges(file.Inode, task.Credentials);
            FileEvents.Modified(file.Inode, file.Path.Dentry);
        }

        return done;
    }

    /// <summary>Reads once into the Sentry's memory, waiting as the file has it (sendfile(2), splice(2)).</summary>
    public static Result<int> ReadBytes(Task task, OpenFile file, Span<byte> destination, long offset, bool noWait) =>
        Wait(task, file, PollEvents.Readable, noWait, new RawRead(file, destination, offset), static s => s.Attempt());

    /// <summary>Writes once from the Sentry's memory, waiting as the file has it; SIGPIPE is sent.</summary>
    public static Result<int> WriteBytes(Task task, OpenFile file, ReadOnlySpan<byte> source, long offset, bool noWait)
    {
        Result<int> result = Wait(
            task, file, PollEvents.Writable, noWait, new WriteState(file, source, offset), static s => s.Attempt());
        if (result.Error == Errno.EPIPE)
            SendToCaller(task, Signal.Pipe);
        return result;
    }

    /// <summary>Waits until an attempt succeeds, if the file can make one wait.</summary>
    public static Result<int> Wait<TState>(
        Task task, OpenFile file, PollEvents events, bool noWait, TState state, Func<TState, Result<int>> attempt)
        where TState : allows ref struct
    {
        if (noWait || file.IsNonBlocking || file.Waiters is not { } waiters)
            return attempt(state);
        return Blocking.Until(
            task.Sleeper, waiters, events, file.TransferDeadline((events & PollEvents.Out) != 0), state, attempt);
    }

    /// <summary>
    /// RLIMIT_FSIZE and the largest offset: how much of a write fits. EFBIG, with SIGXFSZ for the limit (setrlimit(2)).
    /// </summary>
    public static Errno LimitSize(Task task, OpenFile file, long offset, ref long count)
    {
        ulong limit = task.Group.Limits[Resource.FileSize].Soft;
        if (limit >= long.MaxValue && offset < 0)
            return Errno.Ok;
        if (offset < 0)
        {
            offset = file.Position;
            Stat stat = default;
            if ((file.Flags & OpenFlags.Append) != 0 && file.Inode.GetAttributes(ref stat) == Errno.Ok)
                offset = stat.SizeBytes;
        }

        if (count > long.MaxValue - offset)
            return Errno.EFBIG;
        if (count == 0 || limit >= long.MaxValue)
            return Errno.Ok;
        if ((ulong)offset >= limit)
        {
            SendToCaller(task, Signal.FileSizeLimit);
            return Errno.EFBIG;
        }

        count = Math.Min(count, (long)limit - offset);
        return Errno.Ok;
    }

    /// <summary>A signal that the caller's own deed brings about.</summary>
    public static void SendToCaller(Task task, Signal signal)
    {
        using (task.Kernel.Tree.Enter())
            SignalSender.SendToTask(task, SignalInfo.FromKernel(signal), task);
    }

    private static Result<int> ReadPiece(Task task, OpenFile file, IoRanges buffers, long offset, bool noWait)
    {
        ReadState state = new(file, buffers, offset);
        return Wait(task, file, PollEvents.Readable | PollEvents.ReadHangUp, noWait, state, static s => s.Attempt());
    }

    private static Result<int> WritePiece(
        Task task, OpenFile file, IoRanges buffers, int length, long offset, bool noWait, out int offered)
    {
        offered = 0;
        if (length <= SmallBytes)
        {
            Span<byte> small = stackalloc byte[SmallBytes];
            return WriteFrom(task, file, buffers, small[..length], offset, noWait, out offered);
        }

        if (file.SharesBuffers && offset < 0)
            return WriteShared(task, file, buffers, length, noWait, out offered);
        byte[] buffer = ScratchBuffers.Rent();
        try
        {
            // While a writer waits it keeps its bytes: they were copied in, and must not be read from the guest twice.
            return WriteFrom(task, file, buffers, buffer.AsSpan(0, length), offset, noWait, out offered);
        }
        finally
        {
            ScratchBuffers.Return(buffer);
        }
    }

    /// <summary>Writes through a buffer that the file may keep.</summary>
    private static Result<int> WriteShared(
        Task task, OpenFile file, IoRanges buffers, int length, bool noWait, out int offered)
    {
        offered = 0;
        if (length >= LongBytes)
            task.Shortcuts.BeforeSleep();
        SharedBuffer buffer = SharedBuffer.Rent(length);
        try
        {
            if (buffers.CopyIn(buffer.Bytes.AsSpan(0, length)).Failed(out int copied, out Errno error))
                return error;
            offered = copied;
            (OpenFile File, ByteSlice Data) state = (file, new ByteSlice(buffer, 0, copied));
            return Wait(task, file, PollEvents.Writable, noWait, state, static s => s.File.WriteShared(s.Data));
        }
        finally
        {
            buffer.Release();
        }
    }

    private static Result<int> WriteFrom(
        Task task, OpenFile file, IoRanges buffers, scoped Span<byte> room, long offset, bool noWait, out int offered)
    {
        offered = 0;
        if (buffers.CopyIn(room).Failed(out int copied, out Errno error))
            return error;
        offered = copied;
        WriteState state = new(file, room[..copied], offset);
        return Wait(task, file, PollEvents.Writable, noWait, state, static s => s.Attempt());
    }

    private readonly ref struct ReadState(OpenFile file, IoRanges buffers, long offset)
    {
        private readonly IoRanges _buffers = buffers;

        public Result<int> Attempt()
        {
            if (_buffers.Remaining <= SmallBytes)
            {
                Span<byte> small = stackalloc byte[SmallBytes];
                return ReadThrough(small[..(int)_buffers.Remaining]);
            }

            byte[] buffer = ScratchBuffers.Rent();
            try
            {
                return ReadThrough(buffer.AsSpan(0, (int)Math.Min(_buffers.Remaining, buffer.Length)));
            }
            finally
            {
                ScratchBuffers.Return(buffer);
            }
        }

        private Result<int> ReadThrough(Span<byte> room)
        {
            ByteSlice taken = default;
            Result<int> read = offset < 0 ? file.ReadShared(room, out taken) : file.ReadAt(room, offset);
            if (read.Failed(out int count, out Errno error))
                return error;
            if (count == 0)
                return 0;
            Result<int> copied = _buffers.CopyOut(taken.Buffer is null ? room[..count] : taken.Span);
            taken.Buffer?.Release();
            long missing = count - (copied.Failed(out int done, out _) ? 0 : done);
            if (missing != 0 && offset < 0 && file.IsSeekable)
                file.Seek(-missing, SeekWhence.Current); // What did not arrive was not read.
            return copied;
        }
    }

    private readonly ref struct RawRead(OpenFile file, Span<byte> destination, long offset)
    {
        private readonly Span<byte> _destination = destination;

        public Result<int> Attempt() => offset < 0 ? file.Read(_destination) : file.ReadAt(_destination, offset);
    }

    private readonly ref struct WriteState(OpenFile file, ReadOnlySpan<byte> source, long offset)
    {
        private readonly ReadOnlySpan<byte> _source = source;

        public Result<int> Attempt() => offset < 0 ? file.Write(_source) : file.WriteAt(_source, offset);
    }
}
