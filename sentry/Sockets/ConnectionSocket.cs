using Sandbox.Linux;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets;

/// <summary>
/// A socket that connects: unix streams and packets. A connection is two channels, one each way; it exists
/// whole as soon as connect(2) found a listener with room, before anybody accepts it.
/// </summary>
internal abstract class ConnectionSocket : Socket
{
    /// <summary>/proc/sys/net/core/somaxconn.</summary>
    private const int MaxBacklog = 4096;

    // Guarded by StateLock for writing; the channels are set once.
    private volatile ConnectionState _state;
    private Queue<ConnectionSocket>? _accepts;
    private int _backlog;
    private Channel? _incoming;
    private Channel? _outgoing;
    private Errno _error; // SO_ERROR of a connect that failed.
    private bool _isReadShut;
    private bool _isWriteShut;
    private int _isListed;

    protected ConnectionSocket(
        int domain, SocketKind type, int protocol, NetworkStack stack, ICaller caller, OpenFlags flags)
        : base(domain, type, protocol, stack, caller, flags)
    {
    }

    protected ConnectionSocket(ConnectionSocket listener, Credentials credentials)
        : base(listener, credentials)
    {
    }

    /// <summary>
    /// Guards state, address and accept queue; a listener's before that of the socket which connects to it.
    /// </summary>
    protected RankedLock StateLock { get; } = new(LockRank.Socket);

    public ConnectionState State => _state;

    public override bool IsListening => _state == ConnectionState.Listening;

    /// <summary>Connections that wait to be accepted, for /proc/net.</summary>
    public int WaitingConnections
    {
        get
        {
            using (StateLock.Enter())
                return _accepts?.Count ?? 0;
        }
    }

    protected override int BytesUnsent => _outgoing?.BytesQueued ?? 0;

    protected override int BytesReadable => _incoming?.BytesReadable ?? 0;

    // ---- What the families add ----

    /// <summary>The other end of a connection to this listener, not yet connected.</summary>
    protected abstract ConnectionSocket CreateChild(ConnectionSocket client);

    /// <summary>connect(2) succeeded; the child is the other end. With both locks held.</summary>
    protected virtual void OnConnected(ConnectionSocket child)
    {
    }

    /// <summary>listen(2) may need an address (TCP picks a port; unix answers EINVAL). With StateLock held.</summary>
    protected abstract Errno PrepareListen(ICaller caller);

    /// <summary>The error of a receive on a socket that never connected.</summary>
    protected abstract Errno NotConnectedError { get; }

    // ---- Connecting ----

    public override Errno Listen(ICaller caller, int backlog)
    {
        using (StateLock.Enter())
        {
            if (_state is not (ConnectionState.Idle or ConnectionState.Listening))
                return Errno.EINVAL;
            if (_state == ConnectionState.Idle && PrepareListen(caller) is not Errno.Ok and Errno error)
                return error;
            _backlog = (int)Math.Min((uint)backlog, MaxBacklog);
            _accepts ??= new Queue<ConnectionSocket>();
            _state = ConnectionState.Listening;
        }

        Waiters.Notify(ListenerHasRoom);
        return Errno.Ok;
    }

    public override Result<Socket> Accept()
    {
        ConnectionSocket? accepted;
        using (StateLock.Enter())
        {
            if (_state != ConnectionState.Listening)
                return Errno.EINVAL;
            if (!_accepts!.TryDequeue(out accepted))
                return Errno.EAGAIN;
            accepted.PendingOn = null;
        }

        Waiters.Notify(ListenerHasRoom);
        return accepted;
    }

    /// <summary>
    /// Connects to a listener: Ok, EAGAIN while its queue is full (wait for <see cref="ListenerHasRoom"/>),
    /// ECONNREFUSED, EISCONN, EINVAL if this socket listens. <paramref name="prepare"/> runs once the way is clear,
    /// with both locks held.
    /// </summary>
    protected Errno ConnectTo(ConnectionSocket listener, Func<ConnectionSocket, Errno>? prepare = null)
    {
        if (listener == this)
            return IsListening ? Errno.EINVAL : Errno.ECONNREFUSED;
        if (!listener.IsListening)
            return Errno.ECONNREFUSED;
        ConnectionSocket child = listener.CreateChild(this);
        Errno result = child.List() ? listener.Enqueue(this, child, prepare) : Errno.ENOMEM;
        if (result != Errno.Ok)
        {
            child.Release();
            return result;
        }

        listener.Waiters.Notify(PollEvents.Readable);
        Waiters.Notify(PollEvents.Writable);
        return Errno.Ok;
    }

    private Errno Enqueue(ConnectionSocket client, ConnectionSocket child, Func<ConnectionSocket, Errno>? prepare)
    {
        using (StateLock.Enter())
        {
            if (_state != ConnectionState.Listening)
                return Errno.ECONNREFUSED;
            using (client.StateLock.EnterNested())
            {
                if (client._state != ConnectionState.Idle)
                    return client._state == ConnectionState.Connected ? Errno.EISCONN : Errno.EINVAL;
                if (_accepts!.Count > _backlog)
                    return Errno.EAGAIN;
                if (prepare is not null && prepare(client) is not Errno.Ok and Errno error)
                    return error;
                Join(client, child);
                client.OnConnected(child);
            }

            child.PendingOn = this;
            _accepts.Enqueue(child);
            return Errno.Ok;
        }
    }

    /// <summary>Connects two idle sockets that nobody else knows, or whose locks are held.</summary>
    protected static void Join(ConnectionSocket one, ConnectionSocket two)
    {
        Channel toTwo = one.CreateChannel(two);
        Channel toOne = two.CreateChannel(one);
        (one._incoming, one._outgoing) = (toOne, toTwo);
        (two._incoming, two._outgoing) = (toTwo, toOne);
        one._state = ConnectionState.Connected;
        two._state = ConnectionState.Connected;
    }

    private Channel CreateChannel(ConnectionSocket reader) => IsStream
        ? new StreamChannel(reader.Waiters, Options.SendBuffer, Account) { Reader = reader }
        : new PacketChannel(reader.Waiters, Options.SendBuffer, Account) { Reader = reader };

    /// <summary>Nobody polls for it: blocked connects wait for it.</summary>
    public const PollEvents ListenerHasRoom = PollEvents.Message;

    // ---- Bytes ----

    public override Result<int> Send(
        ICaller? caller, ReadOnlySpan<byte> data, SocketAddress? destination, ControlData? control, SocketFlags flags)
    {
        Result<int> result = _outgoing is not { } outgoing ? Errno.ENOTCONN
            : _isWriteShut ? Errno.EPIPE
            : data.IsEmpty && IsStream ? 0 // Ancillary data needs at least a byte to travel with (unix(7)).
            : outgoing.Send(data, null, control, Waiters);
        bool isTaken = result.Error == Errno.EAGAIN || (result.Error == Errno.Ok && !(data.IsEmpty && IsStream));
        if (!isTaken)
            control?.Release();
        return result;
    }

    public override Result<int> Receive(Span<byte> destination, SocketFlags flags, ref MessageInfo info)
    {
        if (_incoming is not { } incoming)
            return _state == ConnectionState.Listening ? Errno.EINVAL : NotConnectedError;
        if (destination.IsEmpty && IsStream)
            return 0;
        Result<int> result = incoming.Receive(destination, flags, ref info);
        return result.Error == Errno.EAGAIN && _isReadShut ? 0 : result;
    }

    public override Errno Shutdown(ShutdownHow how)
    {
        if (_state == ConnectionState.Listening && how != ShutdownHow.Write)
            return StopListening();
        if (_incoming is not { } incoming || _outgoing is not { } outgoing)
            return Errno.ENOTCONN;
        if (how is ShutdownHow.Write or ShutdownHow.Both)
        {
            _isWriteShut = true;
            outgoing.CloseWriter();
        }

        if (how is ShutdownHow.Read or ShutdownHow.Both)
        {
            _isReadShut = true;
            incoming.RefuseMore(); // The peer's sends fail.
        }

        Waiters.Notify(PollEvents.Readable | PollEvents.Writable | PollEvents.ReadHangUp | PollEvents.HangUp);
        return Errno.Ok;
    }

    public override PollEvents Poll()
    {
        if (_incoming is not { } incoming || _outgoing is not { } outgoing)
            return PollUnconnected();
        PollEvents events = incoming.PollReader() | outgoing.PollWriter(Waiters);
        if (_isReadShut)
            events |= PollEvents.Readable | PollEvents.ReadHangUp;
        bool isWriteOver = _isWriteShut || outgoing.IsAtEnd;
        if ((isWriteOver && (events & PollEvents.ReadHangUp) != 0) || (events & PollEvents.Error) != 0)
            events |= PollEvents.HangUp;
        return events;
    }

    private PollEvents PollUnconnected()
    {
        if (_state == ConnectionState.Listening)
            return WaitingConnections > 0 ? PollEvents.Readable : PollEvents.None;
        PollEvents events = PollEvents.Writable | PollEvents.HangUp;
        return _error != Errno.Ok ? events | PollEvents.Error | PollEvents.Readable : events;
    }

    protected override Errno TakeError()
    {
        Errno error = _error;
        _error = Errno.Ok;
        return error != Errno.Ok ? error : _incoming?.TakeError() ?? Errno.Ok;
    }

    protected override void OnBufferSizes() => _outgoing?.SetCapacity(Options.SendBuffer);

    // ---- The end ----

    /// <summary>Makes it visible in /proc/net; false if there are too many sockets.</summary>
    public bool List()
    {
        if (!Stack.TryAdd(this))
            return false;
        _isListed = 1;
        return true;
    }

    /// <summary>Gives names and ports back. With no locks held.</summary>
    protected abstract void Unbind();

    protected override void OnRelease()
    {
        if (Interlocked.Exchange(ref _isListed, 0) == 1)
            Stack.Remove(this);
        StopListening();
        if (_incoming is { } incoming && _outgoing is { } outgoing)
        {
            // What nobody read, or nobody accepted, is a reset for the other side.
            bool isReset = incoming.CloseReader();
            outgoing.CloseWriter(isReset ? Errno.ECONNRESET : Errno.Ok);
        }

        Unbind();
        FilesInFlight.OnSocketClosed();
    }

    private Errno StopListening()
    {
        Queue<ConnectionSocket>? waiting;
        using (StateLock.Enter())
        {
            waiting = _accepts;
            _accepts = null;
            if (_state == ConnectionState.Listening)
                _state = ConnectionState.Idle;
        }

        foreach (ConnectionSocket child in waiting ?? [])
        {
            child.PendingOn = null;
            child._outgoing?.CloseWriter(Errno.ECONNRESET);
            child.Release();
        }

        Waiters.Notify(PollEvents.Readable | PollEvents.HangUp | ListenerHasRoom);
        return Errno.Ok;
    }
}

/// <summary>Where a <see cref="ConnectionSocket"/> is in its life.</summary>
internal enum ConnectionState
{
    Idle,
    Listening,
    Connected,
}
