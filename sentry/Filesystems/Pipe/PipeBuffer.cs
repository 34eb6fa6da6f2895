using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Pipe;

/// <summary>
/// The bytes between the two ends of a pipe or FIFO (pipe(7)), and who has which end open. One lock, one queue; a
/// notification costs a null check while nobody waits.
/// </summary>
internal sealed class PipeBuffer : IReopen
{
    private PipeBuffer(ICaller maker)
    {
        _charge = new PipeCharge(maker.Account, maker.Credentials);
        _ring = new ByteRing(DefaultBytes, maker.Account);
    }

    /// <summary>What fits into a new pipe, bytes.</summary>
    public const int DefaultBytes = 65536;

    /// <summary>/proc/sys/fs/pipe-max-size.</summary>
    public const int MaxBytes = 1 << 20;

    /// <summary>PIPE_BUF: writes up to this size are never split.</summary>
    public const int AtomicBytes = 4096;

    // All guarded by _lock.
    private readonly RankedLock _lock = new(LockRank.Leaf);
    private readonly PipeCharge _charge;
    private readonly ByteRing _ring;
    private Queue<Piece>? _pieces; // Of a pipe that had a write in packet mode: what is in the ring, in order.
    private int _frontTaken; // Bytes of the first piece that were read.
    private int _readers;
    private int _writers;
    private int _readerOpens; // Ever; an open that waits for the other side looks for a change.
    private int _writerOpens;
    private bool _isSpaceWanted; // Somebody was told that there is no room: tell when there is.

    /// <summary>
    /// Bytes written together; a packet's rest is lost with the read that did not take it (pipe(2), O_DIRECT).
    /// </summary>
    private readonly record struct Piece(int Length, bool IsPacket);

    /// <summary>Both ends wait here, each with its own events.</summary>
    public WaitQueue Waiters { get; } = new();

    /// <summary>
    /// A new pipe: its two ends, each with one reference (pipe2(2)). O_NONBLOCK and O_DIRECT matter here. ENFILE.
    /// </summary>
    public static Result<(PipeFile Reader, PipeFile Writer)> Create(OpenFlags flags, ICaller caller)
    {
        PipeBuffer pipe = new(caller);
        if (pipe.OpenEnds(reads: true, writes: true).Failed(out _, out Errno error))
            return error;
        AnonymousInode inode = new(
            AnonymousFileSystem.Pipes, (uint)FileType.Fifo | Modes.O600,
            caller.Credentials.FileSystemUserId, caller.Credentials.FileSystemGroupId)
        { Endpoint = pipe };
        OpenFlags status = flags & (OpenFlags.NonBlock | OpenFlags.Direct);
        return (
            new PipeFile(pipe, inode, default, OpenFlags.ReadOnly | status, caller.Credentials),
            new PipeFile(pipe, inode, default, OpenFlags.WriteOnly | status, caller.Credentials));
    }

    /// <summary>
    /// Opens a named FIFO (fifo(7)), or a pipe again through /proc: each side waits for the other unless O_NONBLOCK.
    /// ENXIO for a non-blocking writer without a reader.
    /// </summary>
    public static Result<OpenFile> OpenFifo(Inode inode, VfsPath path, OpenFlags flags, ICaller caller)
    {
        if (inode.Endpoint is not PipeBuffer pipe)
        {
            PipeBuffer made = new(caller);
            pipe = Interlocked.CompareExchange(ref inode.Endpoint, made, null) as PipeBuffer ?? made;
        }

        return pipe.Open(inode, path, flags, caller);
    }

    Result<OpenFile> IReopen.Open(VfsPath path, OpenFlags flags, ICaller caller) =>
        Open(path.IsSome ? path.Inode : new AnonymousInode(AnonymousFileSystem.Pipes, (uint)FileType.Fifo | Modes.O600),
            path, flags, caller);

    /// <summary>Takes bytes out: 0 at the end of file (no writer left), EAGAIN.</summary>
    public Result<int> Read(Span<byte> destination)
    {
        if (destination.IsEmpty)
            return 0;
        int count;
        bool tellWriters;
        using (_lock.Enter())
        {
            if (_ring.IsEmpty)
                return _writers == 0 ? 0 : Errno.EAGAIN;
            count = _pieces is null ? _ring.Read(destination) : ReadPiece(destination);
            tellWriters = TakeSpaceWanted();
        }

        if (tellWriters)
            Waiters.Notify(PollEvents.Writable);
        return count;
    }

    /// <summary>
    /// Copies bytes from the front without taking them (tee(2), splice(2)): 0 at the end of file, EAGAIN.
    /// </summary>
    public Result<int> Peek(Span<byte> destination)
    {
        using (_lock.Enter())
        {
            if (_ring.IsEmpty)
                return _writers == 0 ? 0 : Errno.EAGAIN;
            int limit = _pieces is null
                ? destination.Length
                : Math.Min(destination.Length, _pieces.Peek().Length - _frontTaken);
            return _ring.Peek(destination[..limit], 0);
        }
    }

    /// <summary>Drops bytes that were peeked at.</summary>
    public void Consume(int count)
    {
        bool tellWriters;
        using (_lock.Enter())
        {
            count = Math.Min(count, _ring.Count);
            _ring.Skip(count);
            TakeFromFront(count);
            tellWriters = TakeSpaceWanted();
        }

        if (tellWriters)
            Waiters.Notify(PollEvents.Writable);
    }

    /// <summary>
    /// Appends what fits; up to <see cref="AtomicBytes"/> all or nothing. EAGAIN, EPIPE without a reader (the caller
    /// sends SIGPIPE), ENOMEM.
    /// </summary>
    public Result<int> Write(ReadOnlySpan<byte> source, bool isPacket = false)
    {
        if (source.IsEmpty)
            return 0; // A write of nothing succeeds even without a reader.
        if (isPacket && source.Length > AtomicBytes)
            source = source[..AtomicBytes];
        int count;
        using (_lock.Enter())
        {
            if (_readers == 0)
                return Errno.EPIPE;
            int free = _pieces?.Count >= _ring.Capacity / AtomicBytes ? 0 : _ring.Free;
            if (free <= 0 || (source.Length <= AtomicBytes && free < source.Length))
            {
                _isSpaceWanted = true;
                return Errno.EAGAIN;
            }

            if (_ring.Write(source).Failed(out count, out Errno error))
                return error;
            if (isPacket || _pieces is not null)
                AppendPiece(count, isPacket);
            _isSpaceWanted |= count < source.Length;
        }

        Waiters.Notify(PollEvents.Readable);
        return count;
    }

    /// <summary>What poll(2) says of an end.</summary>
    public PollEvents Poll(PipeFile end)
    {
        PollEvents events = PollEvents.None;
        using (_lock.Enter())
        {
            if (end.IsReadable)
            {
                if (!_ring.IsEmpty)
                    events |= PollEvents.Readable;

                // A FIFO that nobody has opened for writing since this end was opened is not hung up.
                if (_writers == 0 && _writerOpens != end.WriterOpensBefore)
                    events |= PollEvents.HangUp;
            }

            if (end.IsWritable)
            {
                if (HasRoom)
                    events |= PollEvents.Writable;
                else
                    _isSpaceWanted = true;
                if (_readers == 0)
                    events |= PollEvents.Error;
            }
        }

        return events;
    }

    /// <summary>Bytes waiting (FIONREAD).</summary>
    public int Count
    {
        get
        {
            using (_lock.Enter())
                return _ring.Count;
        }
    }

    /// <summary>F_GETPIPE_SZ.</summary>
    public int Capacity
    {
        get
        {
            using (_lock.Enter())
                return _ring.Capacity;
        }
    }

    /// <summary>
    /// F_SETPIPE_SZ: rounds up to a power of two of pages and gives the size set. EINVAL, EPERM beyond
    /// <see cref="MaxBytes"/> and beyond what the user's pipes may have,
    /// EBUSY if more bytes are waiting than would fit.
    /// </summary>
    public Result<int> SetCapacity(long bytes, ICaller caller)
    {
        if (bytes is < 0 or > 1L << 31)
            return Errno.EINVAL;
        if (bytes > MaxBytes)
            return Errno.EPERM;
        int size = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(bytes, AtomicBytes));
        bool tellWriters;
        using (_lock.Enter())
        {
            if (_ring.Count > size)
                return Errno.EBUSY;
            if (_charge.Resize(size, caller.Credentials) is not Errno.Ok and Errno refused)
                return refused;
            _ring.SetCapacity(size);
            tellWriters = TakeSpaceWanted();
        }

        if (tellWriters)
            Waiters.Notify(PollEvents.Writable);
        return size;
    }

    /// <summary>An end is closed for good.</summary>
    public void Close(bool reads, bool writes)
    {
        using (_lock.Enter())
        {
            _readers -= reads ? 1 : 0;
            _writers -= writes ? 1 : 0;
            if (_readers == 0 && _writers == 0)
            {
                _ring.Clear(); // fifo(7): what nobody read is gone with the last end.
                (_pieces, _frontTaken) = (null, 0);
                _charge.End();
            }
        }

        Waiters.Notify(PollEvents.Readable | PollEvents.Writable | PollEvents.HangUp | PollEvents.Error);
    }

    // poll(2) promises that a write of PIPE_BUF bytes will not block.
    private bool HasRoom => _ring.Free >= AtomicBytes && !(_pieces?.Count >= _ring.Capacity / AtomicBytes);

    private void AppendPiece(int length, bool isPacket)
    {
        if (_pieces is null)
        {
            _pieces = new Queue<Piece>();
            if (_ring.Count > length)
                _pieces.Enqueue(new Piece(_ring.Count - length, false));
        }

        _pieces.Enqueue(new Piece(length, isPacket));
    }

    private int ReadPiece(Span<byte> destination)
    {
        Piece front = _pieces!.Peek();
        int left = front.Length - _frontTaken;
        int count = _ring.Read(destination[..Math.Min(destination.Length, left)]);
        if (front.IsPacket)
            _ring.Skip(left - count);
        TakeFromFront(front.IsPacket ? left : count);
        return count;
    }

    private void TakeFromFront(int count)
    {
        if (_pieces is null)
            return;
        _frontTaken += count;
        while (_pieces.TryPeek(out Piece front) && _frontTaken >= front.Length)
        {
            _frontTaken -= front.Length;
            _pieces.Dequeue();
        }
    }

    private bool TakeSpaceWanted()
    {
        if (!_isSpaceWanted || !HasRoom)
            return false;
        _isSpaceWanted = false;
        return true;
    }

    /// <summary>
    /// Counts the ends in. Tells how often each side had been opened before, and who was there. ENFILE.
    /// </summary>
    private Result<(int ReaderOpens, int WriterOpens, bool HadReaders, bool HadWriters)> OpenEnds(
        bool reads, bool writes)
    {
        using (_lock.Enter())
        {
            if (_readers == 0 && _writers == 0)
            {
                if (_charge.Begin().Failed(out int capacity, out Errno error))
                    return error;
                _ring.SetCapacity(capacity);
            }

            (int, int, bool, bool) before = (_readerOpens, _writerOpens, _readers > 0, _writers > 0);
            if (reads)
                (_readers, _readerOpens) = (_readers + 1, _readerOpens + 1);
            if (writes)
                (_writers, _writerOpens) = (_writers + 1, _writerOpens + 1);
            return before;
        }
    }

    private Result<OpenFile> Open(Inode inode, VfsPath path, OpenFlags flags, ICaller caller)
    {
        OpenFlags mode = flags & OpenFlags.AccessMode;
        (bool reads, bool writes) = (mode != OpenFlags.WriteOnly, mode != OpenFlags.ReadOnly);
        bool isNonBlocking = (flags & OpenFlags.NonBlock) != 0;
        if (writes && !reads && isNonBlocking && !HasReaders)
            return Errno.ENXIO;

        if (OpenEnds(reads, writes).Failed(out (int, int, bool, bool) before, out Errno crowded))
            return crowded;
        (int readerOpens, int writerOpens, bool hadReaders, bool hadWriters) = before;
        PipeFile file = new(this, inode, path, flags, caller.Credentials)
        {
            WriterOpensBefore = isNonBlocking && !writes && !hadWriters ? writerOpens : PipeFile.HangsUpAtOnce,
        };
        Waiters.Notify(OtherSideCame);

        // Whoever was there is let go by the notice, and may be gone again by the time we look.
        bool hadOtherSide = reads ? hadWriters : hadReaders;
        if ((reads && writes) || isNonBlocking || hadOtherSide)
            return file;

        Result<int> wait = Blocking.Until(
            caller.Sleeper, Waiters, OtherSideCame, Deadline.Never, (this, reads, reads ? writerOpens : readerOpens),
            static other => other.Item1.HasOtherSide(other.reads, other.Item3));
        if (wait.Failed(out _, out Errno error))
        {
            file.Release();
            return error;
        }

        return file;
    }

    // An event nobody polls for: only opens wait for it.
    private const PollEvents OtherSideCame = PollEvents.Message;

    private bool HasReaders
    {
        get
        {
            using (_lock.Enter())
                return _readers > 0;
        }
    }

    private Result<int> HasOtherSide(bool reads, int opensBefore)
    {
        using (_lock.Enter())
        {
            // The other side may have come and gone already: that counts.
            bool isThere = reads
                ? _writers > 0 || _writerOpens != opensBefore
                : _readers > 0 || _readerOpens != opensBefore;
            return isThere ? 0 : Errno.EAGAIN;
        }
    }
}
