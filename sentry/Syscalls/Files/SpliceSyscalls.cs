using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Pipe;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>
/// sendfile(2), copy_file_range(2), splice(2), tee(2), vmsplice(2): bytes between files without the guest's memory.
/// </summary>
internal static class SpliceSyscalls
{
    private const uint KnownFlags = 15, NonBlocking = 2;

    public static SyscallResult SendFile(Task task, Fd outFd, Fd inFd, UserPtr<long> offset, ulong count)
    {
        if (FilePair.Get(task, inFd, outFd, out FilePair pair) is not Errno.Ok and Errno error)
            return error;
        using (pair)
        {
            if (!pair.In.IsSeekable || pair.In.Inode.IsDirectory || (pair.Out.Flags & OpenFlags.Append) != 0)
                return Errno.EINVAL;
            return CopyAt(
                task, pair.In, offset, pair.Out, default, (long)Math.Min(count, IoRanges.MaxTransfer), noWait: false);
        }
    }

    public static SyscallResult CopyFileRange(
        Task task, Fd inFd, UserPtr<long> inOffset, Fd outFd, UserPtr<long> outOffset, ulong count, uint flags)
    {
        if (flags != 0)
            return Errno.EINVAL;
        if (FilePair.Get(task, inFd, outFd, out FilePair pair) is not Errno.Ok and Errno error)
            return error;
        using (pair)
        {
            if (pair.In.Inode.IsDirectory || pair.Out.Inode.IsDirectory)
                return Errno.EISDIR;
            if (!pair.In.Inode.IsRegular || !pair.Out.Inode.IsRegular)
                return Errno.EINVAL;
            if ((pair.Out.Flags & OpenFlags.Append) != 0)
                return Errno.EBADF;
            long length = (long)Math.Min(count, IoRanges.MaxTransfer);
            if (pair.In.Inode == pair.Out.Inode && Overlap(task, pair, inOffset, outOffset, length))
                return Errno.EINVAL;
            return CopyAt(task, pair.In, inOffset, pair.Out, outOffset, length, noWait: false);
        }
    }

    public static SyscallResult Splice(
        Task task, Fd inFd, UserPtr<long> inOffset, Fd outFd, UserPtr<long> outOffset, ulong count, uint flags)
    {
        if ((flags & ~KnownFlags) != 0)
            return Errno.EINVAL;
        if (FilePair.Get(task, inFd, outFd, out FilePair pair) is not Errno.Ok and Errno error)
            return error;
        using (pair)
        {
            PipeFile? source = pair.In as PipeFile, sink = pair.Out as PipeFile;
            if ((source is not null && !inOffset.IsNull) || (sink is not null && !outOffset.IsNull))
                return Errno.ESPIPE;
            if ((source is null && sink is null)
                || (source is not null && sink is not null && source.Pipe == sink.Pipe))
                return Errno.EINVAL;
            long length = (long)Math.Min(count, IoRanges.MaxTransfer);
            bool noWait = (flags & NonBlocking) != 0;
            if (length == 0)
                return 0;
            if (source is null)
            {
                // Room first: what was taken from the file must go somewhere.
                if (WaitForRoom(task, sink!, noWait).Failed(out int room, out Errno full))
                    return full;
                return CopyAt(task, pair.In, inOffset, pair.Out, default, Math.Min(length, room), noWait);
            }

            if ((pair.Out.Flags & OpenFlags.Append) != 0)
                return Errno.EINVAL;
            return FromPipe(task, source, pair.Out, outOffset, length, noWait, consumes: true);
        }
    }

    public static SyscallResult Tee(Task task, Fd inFd, Fd outFd, ulong count, uint flags)
    {
        if ((flags & ~KnownFlags) != 0)
            return Errno.EINVAL;
        if (FilePair.Get(task, inFd, outFd, out FilePair pair) is not Errno.Ok and Errno error)
            return error;
        using (pair)
        {
            if (pair.In is not PipeFile source || pair.Out is not PipeFile sink || source.Pipe == sink.Pipe)
                return Errno.EINVAL;
            long length = (long)Math.Min(count, IoRanges.MaxTransfer);
            return length == 0
                ? 0
                : FromPipe(task, source, sink, default, length, (flags & NonBlocking) != 0, consumes: false);
        }
    }

    // Pages are copied, never given away: gifts are only an optimisation (vmsplice(2)).
    public static SyscallResult MemorySplice(Task task, Fd fd, UserPtr<IoVector> vectors, ulong count, uint flags)
    {
        if ((flags & ~KnownFlags) != 0)
            return Errno.EINVAL;
        if (task.Files.Get(fd).Failed(out OpenFile? file, out Errno error))
            return error;
        try
        {
            if (file is not PipeFile)
                return Errno.EBADF;
            Span<IoVector> room = stackalloc IoVector[8];
            if (IoRanges.Many(task.Memory, vectors, count, room, out IoRanges ranges) is not Errno.Ok and Errno bad)
                return bad;
            bool noWait = (flags & NonBlocking) != 0;
            SyscallResult result = file.IsWritable
                ? FileTransfer.Write(task, file, ref ranges, -1, noWait)
                : FileTransfer.Read(task, file, ref ranges, -1, noWait);
            ranges.Dispose();
            return result;
        }
        finally
        {
            file.Release();
        }
    }

    // From one file to another, each at a given offset (which is moved) or at its own position.
    private static SyscallResult CopyAt(
        Task task, OpenFile source, UserPtr<long> sourceOffset, OpenFile sink, UserPtr<long> sinkOffset, long length,
        bool noWait)
    {
        if (ReadOffset(task, source, sourceOffset, out long from) is not Errno.Ok and Errno sourceError)
            return sourceError;
        if (ReadOffset(task, sink, sinkOffset, out long to) is not Errno.Ok and Errno sinkError)
            return sinkError;
        if (sink.Inode.IsRegular
            && FileTransfer.LimitSize(task, sink, to, ref length) is not Errno.Ok and Errno tooLarge)
            return tooLarge;
        long position = from;
        if (from < 0 && source.IsSeekable
            && source.Seek(0, SeekWhence.Current).Failed(out position, out Errno notSeekable))
            return notSeekable;
        byte[] buffer = ScratchBuffers.Rent();
        long done = 0;
        Errno error = Errno.Ok;
        try
        {
            while (done < length)
            {
                Span<byte> room = buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - done));
                if (FileTransfer.ReadBytes(task, source, room, position < 0 ? -1 : position + done, noWait || done != 0)
                    .Failed(out int count, out error) || count == 0)
                    break;
                error = WriteAll(task, sink, room[..count], to < 0 ? -1 : to + done, noWait, out int written);
                done += written;
                if (error != Errno.Ok || written < count || task.Sleeper.Parker.IsInterrupted)
                    break; // Whoever wants the task, perhaps to kill it, does not wait for gigabytes.
            }
        }
        finally
        {
            ScratchBuffers.Return(buffer);
        }

        if (done == 0)
            return error;
        OnCopied(task, source, sink);
        if (from < 0 && position >= 0)
            source.Seek(position + done, SeekWhence.Set);
        if (StoreOffset(task, sourceOffset, from + done) is not Errno.Ok and Errno fault)
            return fault;
        return StoreOffset(task, sinkOffset, to + done) is not Errno.Ok and Errno sinkFault ? sinkFault : done;
    }

    // What read(2) and write(2) would have told and taken away.
    private static void OnCopied(Task task, OpenFile source, OpenFile sink)
    {
        FileEvents.Accessed(source);
        AttributeOperations.RemovePrivileges(sink.Inode, task.Credentials);
        FileEvents.Modified(sink.Inode, sink.Path.Dentry);
    }

    private static Errno WriteAll(
        Task task, OpenFile sink, ReadOnlySpan<byte> bytes, long offset, bool noWait, out int written)
    {
        written = 0;
        while (written < bytes.Length)
        {
            Result<int> result = FileTransfer.WriteBytes(
                task, sink, bytes[written..], offset < 0 ? -1 : offset + written, noWait);
            if (result.Failed(out int count, out Errno error))
                return error;
            if (count == 0)
                break;
            written += count;
        }

        return Errno.Ok;
    }

    // The bytes stay in the pipe until they have arrived.
    // One transfer from a pipe at a time is what its readers are used to.
    private static SyscallResult FromPipe(
        Task task, PipeFile source, OpenFile sink, UserPtr<long> sinkOffset, long length, bool noWait, bool consumes)
    {
        if (ReadOffset(task, sink, sinkOffset, out long to) is not Errno.Ok and Errno bad)
            return bad;
        byte[] buffer = ScratchBuffers.Rent();
        try
        {
            bool waits = !noWait && !source.IsNonBlocking;
            PeekState state = new(source, buffer.AsSpan(0, (int)Math.Min(buffer.Length, length)));
            Result<int> peeked = waits
                ? Blocking.Until(
                    task.Sleeper, source.Pipe.Waiters, PollEvents.Readable, Deadline.Never, state, static s =>
                        s.Attempt())
                : state.Attempt();
            if (peeked.Failed(out int count, out Errno error))
                return error;
            if (count == 0)
                return 0;
            if (FileTransfer.WriteBytes(task, sink, buffer.AsSpan(0, count), to, noWait).Failed(
                out int written, out error))
                return error;
            if (consumes)
                source.Pipe.Consume(written);
            OnCopied(task, source, sink);
            return StoreOffset(task, sinkOffset, to + written) is not Errno.Ok and Errno fault ? fault : written;
        }
        finally
        {
            ScratchBuffers.Return(buffer);
        }
    }

    private static Result<int> WaitForRoom(Task task, PipeFile sink, bool noWait)
    {
        if (noWait || sink.IsNonBlocking)
            return Attempt(sink);
        return Blocking.Until(task.Sleeper, sink.Pipe.Waiters, PollEvents.Writable, Deadline.Never, sink, Attempt);

        static Result<int> Attempt(PipeFile pipe)
        {
            if ((pipe.Poll() & PollEvents.Error) != 0)
                return int.MaxValue; // No reader: the write says EPIPE.
            int room = pipe.Pipe.Capacity - pipe.Pipe.Count;
            return room > 0 && (pipe.Poll() & PollEvents.Writable) != 0 ? room : Errno.EAGAIN;
        }
    }

    // -1 for a null pointer: the file's own position.
    private static Errno ReadOffset(Task task, OpenFile file, UserPtr<long> address, out long offset)
    {
        offset = -1;
        if (address.IsNull)
            return Errno.Ok;
        if (task.Memory.Read(address, out offset) is not Errno.Ok and Errno fault)
            return fault;
        return offset < 0 || !file.IsSeekable ? Errno.EINVAL : Errno.Ok;
    }

    private static Errno StoreOffset(Task task, UserPtr<long> address, long offset) =>
        address.IsNull ? Errno.Ok : task.Memory.Write(address, offset);

    private static bool Overlap(
        Task task, scoped in FilePair pair, UserPtr<long> inOffset, UserPtr<long> outOffset, long length)
    {
        if (ReadOffset(task, pair.In, inOffset, out long from) != Errno.Ok
            || ReadOffset(task, pair.Out, outOffset, out long to) != Errno.Ok)
            return false; // The copy finds the fault again.
        from = from < 0 ? pair.In.Position : from;
        to = to < 0 ? pair.Out.Position : to;
        return Math.Abs(from - to) < length;
    }

    private readonly ref struct PeekState(PipeFile source, Span<byte> room)
    {
        private readonly Span<byte> _room = room;

        public Result<int> Attempt() => source.Pipe.Peek(_room);
    }

    // A readable and a writable file, with a reference to each.
    private readonly ref struct FilePair(OpenFile input, OpenFile output)
    {
        public OpenFile In => input;

        public OpenFile Out => output;

        public static Errno Get(Task task, Fd inFd, Fd outFd, out FilePair pair)
        {
            pair = default;
            if (task.Files.Get(inFd).Failed(out OpenFile? input, out Errno error))
                return error;
            if (task.Files.Get(outFd).Failed(out OpenFile? output, out error))
            {
                input.Release();
                return error;
            }

            pair = new FilePair(input, output);
            if (input.IsReadable && output.IsWritable)
                return Errno.Ok;
            pair.Dispose();
            return Errno.EBADF;
        }

        public void Dispose()
        {
            input.Release();
            output.Release();
        }
    }
}
