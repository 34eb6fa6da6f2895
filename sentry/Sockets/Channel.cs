using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Sockets;

/// <summary>What a receive tells beside the bytes.</summary>
internal struct MessageInfo
{
    /// <summary>Who sent it, for datagrams; null if the sender has no name or the socket is connected.</summary>
    public SocketAddress? Sender;

    /// <summary>The length of the whole datagram, which MSG_TRUNC asks for.</summary>
    public int FullLength;

    /// <summary>MSG_TRUNC, MSG_EOR.</summary>
    public SocketFlags Flags;

    /// <summary>Files and credentials; the receiver's to take or release.</summary>
    public ControlData? Control;

    /// <summary>Messages of the network (addresses, TTL, times, errors): the receiver's to write out or drop.</summary>
    public AncillaryMessages Network;

    /// <summary>Nobody wants what came beside the bytes.</summary>
    public void DropAncillary()
    {
        Control?.Release();
        Control = null;
        Network.Drop();
    }
}

/// <summary>
/// One direction of a connection, or the queue of a datagram socket: bounded, one lock, notifies the reader's and the
/// writer's queue outside it. Never blocks: EAGAIN.
/// </summary>
internal abstract class Channel(WaitQueue readers, int capacity, MemoryAccount account)
{
    /// <summary>The socket that receives from here.</summary>
    public Socket? Reader { get; init; }

    /// <summary>Who is charged for what is queued.</summary>
    protected MemoryAccount Account => account;

    // Guarded by Lock.
    protected RankedLock Lock { get; } = new(LockRank.Leaf);
    protected bool IsWriterClosed { get; private set; }
    protected bool IsReaderClosed { get; private set; }
    protected int Capacity { get; private set; } = Math.Max(capacity, MinCapacity);
    private Errno _error;
    private bool _isBroken; // Ended by an error: polls as hung up even when the error has been read.
    private WaitQueue? _spaceWanted; // A writer that was told there is no room; a stream has no other.
    private HashSet<WaitQueue>? _othersWantSpace;

    private const int MinCapacity = 4096;

    /// <summary>Senders that wait on one full queue; more are not told of space (they poll again anyway).</summary>
    private const int MaxWaitingWriters = 4096;

    /// <summary>
    /// Queues as much as fits (some bytes), or a whole packet. Takes over <paramref name="control"/> if it succeeds.
    /// EAGAIN (then
    /// <paramref name="writers"/> hears of room), EPIPE when the reader is gone or this side was shut down, EMSGSIZE,
    /// ENOBUFS where there is no memory for it.
    /// </summary>
    public Result<int> Send(ReadOnlySpan<byte> data, SocketAddress? sender, ControlData? control, WaitQueue writers)
    {
        Result<int> result;
        using (Lock.Enter())
        {
            if (IsWriterClosed || IsReaderClosed)
                return Errno.EPIPE;
            result = Put(data, sender, control);
            if (control is not null && result.Error == Errno.Ok)
                control.Holder = Reader;
            if (result.Error == Errno.EAGAIN || (result.Error == Errno.Ok && !HasRoom))
                WantSpace(writers);
        }

        if (result.Error == Errno.Ok)
            readers.Notify(PollEvents.Readable);
        return result;
    }

    /// <summary>Takes bytes or one packet. EAGAIN; 0 at the end of the stream; a reset once (ECONNRESET).</summary>
    public Result<int> Receive(Span<byte> destination, SocketFlags flags, ref MessageInfo info)
    {
        Result<int> result;
        (WaitQueue?, HashSet<WaitQueue>?) writers = default;
        using (Lock.Enter())
        {
            if (IsEmpty)
            {
                if (_error != Errno.Ok)
                {
                    Errno error = _error;
                    _error = Errno.Ok;
                    return error;
                }

                return IsWriterClosed || IsReaderClosed ? 0 : Errno.EAGAIN;
            }

            result = Take(destination, flags, ref info);
            if (info.Control is { } taken)
                taken.Holder = null;
            if (_spaceWanted is not null && HasRoom)
                writers = TakeSpaceWanted();
        }

        Tell(writers);
        return result;
    }

    /// <summary>The writer sends no more: end of file after what is queued.</summary>
    public void CloseWriter(Errno error = Errno.Ok)
    {
        using (Lock.Enter())
        {
            IsWriterClosed = true;
            if (error != Errno.Ok)
                (_error, _isBroken) = (error, true);
        }

        readers.Notify(
            PollEvents.Readable | PollEvents.ReadHangUp | PollEvents.HangUp | PollEvents.Error | PollEvents.Writable);
    }

    /// <summary>The reader takes no more; what is queued is dropped. True if there was something.</summary>
    public bool CloseReader()
    {
        bool hadData;
        (WaitQueue?, HashSet<WaitQueue>?) writers;
        List<ControlData> dropped = [];
        using (Lock.Enter())
        {
            IsReaderClosed = true;
            hadData = !IsEmpty;
            Clear(dropped);
            writers = TakeSpaceWanted();
        }

        foreach (ControlData control in dropped)
            control.Release();
        Tell(writers);
        return hadData;
    }

    /// <summary>shutdown(SHUT_RD): reads give end of file once empty; later sends fail.</summary>
    public void RefuseMore()
    {
        using (Lock.Enter())
            IsReaderClosed = true;
    }

    public bool IsAtEnd
    {
        get
        {
            using (Lock.Enter())
                return IsWriterClosed || IsReaderClosed;
        }
    }

    /// <summary>What the reader's poll sees: data, end, a pending reset.</summary>
    public PollEvents PollReader()
    {
        using (Lock.Enter())
        {
            PollEvents events = IsEmpty && _error == Errno.Ok && !IsWriterClosed && !IsReaderClosed
                ? PollEvents.None
                : PollEvents.Readable;
            if (IsWriterClosed || IsReaderClosed)
                events |= PollEvents.ReadHangUp;
            if (_isBroken)
                events |= PollEvents.HangUp;
            return _error != Errno.Ok ? events | PollEvents.Error : events;
        }
    }

    /// <summary>What a writer's poll sees; a writer without room hears of it later. Closed ends never block.</summary>
    public PollEvents PollWriter(WaitQueue writers)
    {
        using (Lock.Enter())
        {
            if (HasRoom || IsWriterClosed || IsReaderClosed)
                return PollEvents.Writable;
            WantSpace(writers);
            return PollEvents.None;
        }
    }

    /// <summary>A pending reset, taken (SO_ERROR).</summary>
    public Errno TakeError()
    {
        using (Lock.Enter())
        {
            Errno error = _error;
            _error = Errno.Ok;
            return error;
        }
    }

    /// <summary>SO_SNDBUF, SO_RCVBUF.</summary>
    public void SetCapacity(int bytes)
    {
        using (Lock.Enter())
        {
            Capacity = Math.Max(bytes, MinCapacity);
            OnCapacity();
        }
    }

    /// <summary>Bytes the next reads would give (FIONREAD): all of a stream, the first packet otherwise.</summary>
    public int BytesReadable
    {
        get
        {
            using (Lock.Enter())
                return CountReadable();
        }
    }

    /// <summary>Bytes queued in all (SIOCOUTQ of the sender).</summary>
    public int BytesQueued
    {
        get
        {
            using (Lock.Enter())
                return CountQueued();
        }
    }

    // ---- The kind of queue; all with Lock held ----

    protected abstract bool IsEmpty { get; }

    /// <summary>True if a writer that waited should try again.</summary>
    protected abstract bool HasRoom { get; }

    protected abstract Result<int> Put(ReadOnlySpan<byte> data, SocketAddress? sender, ControlData? control);

    protected abstract Result<int> Take(Span<byte> destination, SocketFlags flags, ref MessageInfo info);

    protected abstract void Clear(List<ControlData> dropped);

    protected abstract int CountReadable();

    protected abstract int CountQueued();

    protected virtual void OnCapacity()
    {
    }

    private void WantSpace(WaitQueue writers)
    {
        if (_spaceWanted is null || _spaceWanted == writers)
            _spaceWanted = writers;
        else if ((_othersWantSpace ??= []).Count < MaxWaitingWriters)
            _othersWantSpace.Add(writers);
    }

    private (WaitQueue? First, HashSet<WaitQueue>? Others) TakeSpaceWanted()
    {
        (WaitQueue?, HashSet<WaitQueue>?) writers = (_spaceWanted, _othersWantSpace);
        (_spaceWanted, _othersWantSpace) = (null, null);
        return writers;
    }

    private static void Tell((WaitQueue? First, HashSet<WaitQueue>? Others) writers)
    {
        const PollEvents events = PollEvents.Writable | PollEvents.HangUp | PollEvents.Error;
        writers.First?.Notify(events);
        if (writers.Others is null)
            return;
        foreach (WaitQueue queue in writers.Others)
            queue.Notify(events);
    }
}
