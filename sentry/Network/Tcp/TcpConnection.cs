using Sandbox.Linux;
using Sandbox.Sentry.Network.Packets;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Network.Tcp;

/// <summary>
/// One end of a TCP connection, or a listener (RFC 9293). One lock guards it; segments come in by its inbox and are
/// processed by whoever sent them, after that one has let its own lock go. Nothing here blocks: EAGAIN,
/// and the user is told of changes.
/// </summary>
internal sealed partial class TcpConnection : INetworkTimed
{
    /// <summary>From so many bytes on a copy is made outside of the lock.</summary>
    private const int PrepareBytes = 8192;

    private readonly RankedLock _lock = new(LockRank.Socket);
    private readonly TcpLayer _layer;
    private readonly SegmentInbox _inbox = new();
    private readonly NetworkTimer _timer;

    // Guarded by _lock, as all the state in the other parts.
    private volatile TcpState _state = TcpState.Closed;
    private TcpPath _path;
    private ITcpUser? _user;
    private TcpConnection? _localPeer; // The other end, if it is on this host and was found.
    private volatile bool _isListed;   // The layer finds it by both ends.
    private TcpConnection? _listener; // Whose child this is, until it is accepted.
    private PollEvents _events;       // To tell the user once the lock is let go.
    private bool _isReadyForAccept;   // To tell the listener then.
    private bool _isKept;             // Counted by the layer as abandoned.
    private bool _isAbandoned;        // Closed by its user: nobody will read.
    private bool _isReadShut;
    private bool _isWriteShut;
    private bool _hasBeenConnected;
    private Errno _error;
    private long _changedAt;
    private long _now;
    private bool _isAcknowledgmentWanted; // By an end on this host that has no room to send more. Without the lock.

    public TcpConnection(TcpLayer layer, TcpSettings settings, InetAddress any)
    {
        (_layer, Settings, AnyAddress) = (layer, settings, any);
        Local = new InetEndpoint(any, 0);
        (_sendQueue, _receiveQueue) = (new SliceQueue(settings.Account), new SliceQueue(settings.Account));
        _timer = layer.Clock.CreateTimer(this);
    }

    public TcpSettings Settings { get; }

    public TcpState State => _state;

    public InetEndpoint Local { get; private set; }

    public InetEndpoint Remote { get; private set; }

    /// <summary>TCP_MAXSEG of a connection that is open.</summary>
    public int SegmentBytes => SegmentPayload;

    /// <summary>True between listen and close.</summary>
    public bool IsListening => _state == TcpState.Listen;

    /// <summary>Bytes received and not read.</summary>
    public int BytesReadable
    {
        get
        {
            using (_lock.Enter())
                return ReadableBytes;
        }
    }

    /// <summary>Bytes that the peer has not acknowledged.</summary>
    public int BytesUnacknowledged
    {
        get
        {
            using (_lock.Enter())
                return _sendQueue.Length;
        }
    }

    /// <summary>Given up before its handshake was done, for one that came later. Under the listener's lock.</summary>
    public void GiveUp()
    {
        using (_lock.EnterNested())
            End(Errno.Ok);
    }

    /// <summary>For what changes the state: the time is looked at once.</summary>
    private RankedLock.Scope Enter()
    {
        RankedLock.Scope scope = _lock.Enter();
        _now = _layer.Clock.Now;
        return scope;
    }

    public void SetUser(ITcpUser user) => Volatile.Write(ref _user, user);

    /// <summary>The other end on this host, found once; null if it is gone. Under the lock.</summary>
    public TcpConnection? LocalPeer
    {
        get => _localPeer is { _isListed: true } peer && peer.Local == Remote && peer.Remote == Local ? peer : null;
        set => _localPeer = value;
    }

    /// <summary>Takes an arriving segment, which belongs to it now, and has it processed soon.</summary>
    public void Arrive(TcpSegment segment)
    {
        if (_inbox.TryAdd(segment))
            Delivery.Add(this);
        else
            segment.Return();
    }

    /// <summary>Processes what has arrived. Without locks held.</summary>
    public void ProcessArrivals()
    {
        while (!_inbox.IsEmpty || Volatile.Read(ref _isAcknowledgmentWanted))
        {
            using (Enter())
            {
                while (_inbox.Take() is { } segment)
                {
                    OnSegment(segment);
                    segment.Return();
                }

                if (Interlocked.Exchange(ref _isAcknowledgmentWanted, false) && _delayedAckAt != NetworkTimer.Never)
                    SendAck();
            }

            Tell();
        }
    }

    // ---- Opening ----

    /// <summary>
    /// Sends the first segment, from this source unless it is bound to another. EISCONN, EALREADY while it connects,
    /// EADDRNOTAVAIL.
    /// </summary>
    public Errno Connect(InetAddress source, InetEndpoint remote)
    {
        using (Enter())
        {
            if (_state != TcpState.Closed)
                return _state is TcpState.SynSent or TcpState.SynReceived ? Errno.EALREADY : Errno.EISCONN;
            if (_hasBeenConnected)
                return Errno.EISCONN; // Until it is disconnected.
            if (TakePortToConnect(source, remote) is not Errno.Ok and Errno error)
                return error;
            Remote = remote;
            if (!_layer.TryAdd(this))
                return Errno.EADDRNOTAVAIL;
            _isListed = true;
            Start(_layer.PathTo(remote.Address), _layer.InitialSequence(Local, remote));
            _error = Errno.Ok;
            (_isReadShut, _isWriteShut) = (false, false);
            SetState(TcpState.SynSent);
            SendSyn(TcpFlags.Syn);
        }

        Tell();
        return Errno.Ok;
    }

    /// <summary>Makes it a listener, or changes how many may wait. EINVAL if it is connected, EADDRINUSE.</summary>
    public Errno Listen(int backlog)
    {
        using (Enter())
        {
            if (_state is not (TcpState.Closed or TcpState.Listen))
                return Errno.EINVAL;
            if (_ownPort == 0 && TakePort(Local with { Port = 0 }) is not Errno.Ok and Errno error)
                return error;
            if (_state == TcpState.Closed && !_layer.Ports.CanListen(this, _ownPort))
                return Errno.EADDRINUSE;
            _accepts ??= new AcceptQueue();
            _accepts.Limit = backlog;
            SetState(TcpState.Listen);
        }

        return Errno.Ok;
    }

    /// <summary>A finished connection off the queue. EAGAIN, EINVAL if it is no listener.</summary>
    public Result<TcpConnection> Accept()
    {
        if (_accepts is not { } accepts || _state != TcpState.Listen)
            return Errno.EINVAL;
        return accepts.TryTake(out TcpConnection? child) ? child : Errno.EAGAIN;
    }

    /// <summary>Connections that wait to be accepted, and how many may.</summary>
    public (int Waiting, int Limit) AcceptCounts => _accepts is { } accepts ? (accepts.Count, accepts.Limit) : (0, 0);

    // ---- Bytes ----

    /// <summary>Takes as much as there is room for. EAGAIN, EPIPE, ENOBUFS, what broke the connection.</summary>
    public Result<int> Send(ReadOnlySpan<byte> data, bool hasMore, bool isUrgent)
    {
        NetBuffer? prepared = Prepare(ref data);
        Result<int> result = SendLocked(data, prepared, hasMore, isUrgent);
        prepared?.Release();
        Tell();
        return result;
    }

    /// <summary>
    /// Copies much of what is to be sent while nobody waits for the lock; then that is all that is sent at once.
    /// </summary>
    private NetBuffer? Prepare(ref ReadOnlySpan<byte> data)
    {
        if (data.Length < PrepareBytes || _sendQueue.Length >= SendCapacity)
            return null;
        if (data.Length > NetBuffer.LargeBytes)
            data = data[..NetBuffer.LargeBytes];
        NetBuffer buffer = NetBuffer.Rent(data.Length);
        data.CopyTo(buffer.Bytes);
        return buffer;
    }

    private Result<int> SendLocked(ReadOnlySpan<byte> data, NetBuffer? prepared, bool hasMore, bool isUrgent)
    {
        using (Enter())
        {
            if (_error != Errno.Ok)
                return TakeErrorLocked();
            if (_state is TcpState.SynSent or TcpState.SynReceived)
                return Errno.EAGAIN;
            if (_state is not (TcpState.Established or TcpState.CloseWait) || _isWriteShut)
                return Errno.EPIPE;
            int count = Math.Clamp(SendCapacity - _sendQueue.Length, 0, data.Length);
            if (count == 0 && !data.IsEmpty)
            {
                WantRoom();
                return Errno.EAGAIN;
            }

            if (Settings.Account.FreeObjectBytes < count)
                return Errno.ENOBUFS;
            Enqueue(data[..count], prepared, isUrgent && count == data.Length);
            Output(hasMore);
            return count;
        }
    }

    /// <summary>
    /// Takes bytes in order, or looks at them. 0 at the end; EAGAIN, ENOTCONN, what broke the connection.
    /// </summary>
    public Result<int> Receive(Span<byte> destination, bool isPeek, int peekOffset = 0)
    {
        Result<int> result = ReceiveLocked(destination, isPeek, peekOffset, out ByteSlice taken);
        if (taken.Buffer is { } buffer)
        {
            // Much is copied while nobody waits for the lock.
            taken.Span.CopyTo(destination);
            buffer.Release();
        }

        if (result.Error == Errno.Ok)
            Tell();
        return result;
    }

    private Result<int> ReceiveLocked(Span<byte> destination, bool isPeek, int peekOffset, out ByteSlice taken)
    {
        taken = default;
        using (Enter())
        {
            if (_state == TcpState.Listen)
                return Errno.ENOTCONN;
            int count = isPeek ? 0 : TakeSlice(destination.Length, out taken);
            if (count == 0)
                count = TakeReceived(destination, isPeek, peekOffset);
            if (count == 0)
            {
                if (_error != Errno.Ok)
                    return TakeErrorLocked();
                if (_isReadShut || _hasReceivedFin)
                    return 0;
                return _state == TcpState.Closed ? _hasBeenConnected ? 0 : Errno.ENOTCONN : Errno.EAGAIN;
            }

            if (!isPeek)
                UpdateWindow();
            return count;
        }
    }

    /// <summary>The urgent byte. EINVAL if there is none or it is read, EAGAIN if it is still under way.</summary>
    public Result<int> ReceiveUrgent(Span<byte> destination, bool isPeek)
    {
        using (_lock.Enter())
        {
            if (_state is TcpState.Listen || (_state == TcpState.Closed && !_hasBeenConnected))
                return Errno.ENOTCONN;
            return TakeUrgent(destination, isPeek);
        }
    }

    /// <summary>SIOCATMARK: the next byte to read is the urgent one, or the one behind it.</summary>
    public bool IsAtMark
    {
        get
        {
            using (_lock.Enter())
                return IsAtUrgent;
        }
    }

    public PollEvents Poll()
    {
        using (_lock.Enter())
            return PollLocked();
    }

    private PollEvents PollLocked()
    {
        if (_state == TcpState.Listen)
            return _accepts!.Count > 0 ? PollEvents.Readable : PollEvents.None;
        PollEvents events = PollEvents.None;
        bool isOver = _state == TcpState.Closed;
        bool noMore = _isReadShut || _hasReceivedFin || (isOver && _hasBeenConnected);
        if (isOver || (noMore && _isWriteShut))
            events |= PollEvents.HangUp;
        if (noMore)
            events |= PollEvents.Readable | PollEvents.ReadHangUp;
        if (_error != Errno.Ok)
            events |= PollEvents.Error | (isOver ? PollEvents.Readable : PollEvents.None);
        if (_state is TcpState.SynSent or TcpState.SynReceived)
            return events;
        if (ReadableBytes > 0)
            events |= PollEvents.Readable;
        if (HasUrgent)
            events |= PollEvents.Priority;
        if (_isWriteShut || isOver || HasRoom)
            events |= PollEvents.Writable;
        else
            _wantsRoom = true;
        return events;
    }

    /// <summary>
    /// The sender has to wait. An end on this host says at once what it has, instead of after a while.
    /// </summary>
    private void WantRoom()
    {
        _wantsRoom = true;
        if (_path.IsLocal && _localPeer is { } peer && peer != this)
        {
            Volatile.Write(ref peer._isAcknowledgmentWanted, true);
            Delivery.Add(peer);
        }
    }

    private bool HasRoom => _sendQueue.Length <= SendCapacity / 3 * 2;

    private int SendCapacity =>
        _path.IsLocal && Settings.IsSendBufferAutomatic ? LocalBuffer : Settings.SendBuffer;

    private Errno TakeErrorLocked()
    {
        Errno error = _error;
        _error = Errno.Ok;
        return error;
    }

    private void SetState(TcpState state)
    {
        _state = state;
        _changedAt = _now;
    }

    /// <summary>
    /// What happened under the lock is told now that it is let go; then what was sent to others is processed.
    /// </summary>
    private void Tell()
    {
        if (_events == PollEvents.None && !_isReadyForAccept)
        {
            Delivery.Run(); // What another thread has to tell it tells itself.
            return;
        }

        PollEvents events;
        TcpConnection? listener;
        ITcpUser? user;
        using (_lock.Enter())
        {
            (events, _events) = (_events, PollEvents.None);
            listener = _isReadyForAccept ? _listener : null;
            _isReadyForAccept = false;
            if (listener is not null)
                _listener = null;
            user = _user;
        }

        if (events != PollEvents.None)
            user?.OnTcpEvents(events);
        listener?._user?.OnTcpEvents(PollEvents.Readable);
        Delivery.Run();
    }
}
