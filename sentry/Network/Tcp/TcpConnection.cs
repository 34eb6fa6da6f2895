using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Network.Tcp;

/// <summary>
/// One end of a TCP connection, or a listener (RFC 9293). One lock guards it; segments come in by its inbox and are
/// processed by whoever sent them, after that one has let its own lock go. Nothing here blocks: EAGAIN,
/// and the user is told of changes.
/// </summary>
internal sealed partial class TcpConnection : INetworkTimed
{
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
    private int _isChargedAsChild;    // 0 or 1. Without the lock.
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

    /// <summary>Processes what has arrived; who brings more meanwhile comes by itself. Without locks held.</summary>
    public void ProcessArrivals()
    {
        if (_inbox.IsEmpty && !Volatile.Read(ref _isAcknowledgmentWanted))
            return;
        Report report;
        using (Enter())
        {
            for (TcpSegment? segment = _inbox.TakeAll(), next; segment is not null; segment = next)
            {
                next = segment.Next;
                OnSegment(segment);
                segment.Return();
            }

            if (Interlocked.Exchange(ref _isAcknowledgmentWanted, false) && _delayedAckAt != NetworkTimer.Never)
                SendAck();
            report = TakeReport();
        }

        report.Tell();
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
            {
                ForgetLocal();
                return error;
            }

            Remote = remote;
            if (!TryEnter())
            {
                Remote = default;
                ReleasePort();
                ForgetLocal();
                return Errno.EADDRNOTAVAIL;
            }

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

    /// <summary>Into the table; one in TIME-WAIT that a bound port has left there makes room.</summary>
    private bool TryEnter() => _layer.TryAdd(this)
        || (_layer.TryFind(Local, Remote, out TcpConnection? old) && old.TryEndWait() && _layer.TryAdd(this));

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

        Report report;
        using (_lock.Enter())
            report = TakeReport();
        report.Tell();
        Delivery.Run();
    }

    /// <summary>What there is to tell, once the lock is let go. Under the lock.</summary>
    private Report TakeReport()
    {
        Report report = new(_events, _user, _isReadyForAccept ? _listener?._user : null);
        _events = PollEvents.None;
        if (_isReadyForAccept)
            (_isReadyForAccept, _listener) = (false, null);
        return report;
    }

    /// <summary>What happened to a connection: for its user, and for the user of its listener.</summary>
    private readonly record struct Report(PollEvents Events, ITcpUser? User, ITcpUser? Listener)
    {
        public void Tell()
        {
            if (Events != PollEvents.None)
                User?.OnTcpEvents(Events);
            Listener?.OnTcpEvents(PollEvents.Readable);
        }
    }
}
