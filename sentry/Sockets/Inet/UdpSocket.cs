using Sandbox.Linux;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets.Inet;

/// <summary>AF_INET and AF_INET6 SOCK_DGRAM inside the sandbox (udp(7)): a datagram goes straight into its receiver's queue.</summary>
internal sealed class UdpSocket : Socket, IPortUser
{
    private const int MaxDatagramBytes = 65507;

    private readonly RankedLock _lock = new(LockRank.Socket);
    private readonly InetOptions _inet = new();
    private readonly PacketChannel _incoming;

    // Guarded by _lock for writing.
    private InetEndpoint _local;
    private InetEndpoint _remote;
    private volatile bool _isConnected;
    private ushort _ownPort;

    private int _error; // ECONNREFUSED of an earlier datagram; exchanged.
    private volatile bool _isReadShut;
    private volatile bool _isWriteShut;
    private int _isListed;

    public UdpSocket(int domain, NetworkStack stack, ICaller caller, OpenFlags flags)
        : base(domain, SocketKind.Datagram, SocketLevel.Udp, stack, caller, flags)
    {
        _local = new InetEndpoint(AnyAddress, 0);
        _incoming = new PacketChannel(Waiters, Options.ReceiveBuffer);
        UserId = caller.Credentials.EffectiveUserId;
    }

    public uint UserId { get; }

    public InetAddress BoundAddress => _local.Address;

    public InetEndpoint Local => _local;

    public InetEndpoint Remote => _isConnected ? _remote : default;

    public bool IsConnected => _isConnected;

    public InetEndpoint? OnlyFrom => _isConnected ? _remote : null;

    public bool IsV6Only => Domain == AddressFamily.Inet6 && _inet[SocketLevel.Ipv6, InetOptions.V6Only] != 0;

    public override SocketAddress LocalAddress => _local.Format(Domain);

    public override int MaxMessageBytes => MaxDatagramBytes;

    protected override int BytesReadable => _incoming.BytesReadable;

    private InetAddress AnyAddress => Domain == AddressFamily.Inet ? InetAddress.AnyV4 : InetAddress.AnyV6;

    /// <summary>Makes it visible in /proc/net; false if there are too many sockets.</summary>
    public bool List()
    {
        if (!Stack.TryAdd(this))
            return false;
        _isListed = 1;
        return true;
    }

    public override Errno Bind(ICaller caller, SocketAddress address)
    {
        if (InetEndpoint.Parse(address, Domain, out InetEndpoint endpoint) is not Errno.Ok and Errno error)
            return error;
        if (PortTable.Check(caller, endpoint) is not Errno.Ok and Errno refused)
            return refused;
        using (_lock.Enter())
            return _ownPort != 0 ? Errno.EINVAL : TakePort(endpoint);
    }

    public override Errno Connect(ICaller caller, SocketAddress address)
    {
        if (address.Family == AddressFamily.Unspecified)
        {
            _isConnected = false;
            return Errno.Ok;
        }

        if (InetEndpoint.Parse(address, Domain, out InetEndpoint target) is not Errno.Ok and Errno error)
            return error;
        target = target.ResolveAny();
        if (!target.Address.IsLoopback)
            return Errno.ENETUNREACH;
        using (_lock.Enter())
        {
            if (_ownPort == 0 && TakePort(_local) is not Errno.Ok and Errno full)
                return full;
            if (_local.Address.IsAny)
                _local = _local with { Address = SourceFor(target) };
            _remote = target;
            _isConnected = true;
        }

        return Errno.Ok;
    }

    public override Result<int> Send(
        ICaller? caller, ReadOnlySpan<byte> data, SocketAddress? destination, ControlData? control, SocketFlags flags)
    {
        control?.Release();
        if (Interlocked.Exchange(ref _error, 0) is not 0 and int pending)
            return (Errno)pending;
        if (_isWriteShut)
            return Errno.EPIPE;
        InetEndpoint target = _remote;
        if (destination is not null)
        {
            if (InetEndpoint.Parse(destination, Domain, out target) is not Errno.Ok and Errno error)
                return error;
        }
        else if (!_isConnected)
        {
            return Errno.EDESTADDRREQ;
        }

        return data.Length > MaxDatagramBytes ? Errno.EMSGSIZE
            : target.Port == 0 ? Errno.EINVAL
            : Deliver(data, target.ResolveAny());
    }

    public override Result<int> Receive(Span<byte> destination, SocketFlags flags, ref MessageInfo info)
    {
        if (Interlocked.Exchange(ref _error, 0) is not 0 and int pending)
            return (Errno)pending;
        Result<int> result = _incoming.Receive(destination, flags, ref info);
        return result.Error == Errno.EAGAIN && _isReadShut ? 0 : result;
    }

    public override Errno Shutdown(ShutdownHow how)
    {
        if (!_isConnected)
            return Errno.ENOTCONN;
        _isWriteShut |= how is ShutdownHow.Write or ShutdownHow.Both;
        _isReadShut |= how is ShutdownHow.Read or ShutdownHow.Both;
        Waiters.Notify(PollEvents.Readable | PollEvents.Writable | PollEvents.HangUp);
        return Errno.Ok;
    }

    public override Result<SocketAddress> GetPeerAddress() => _isConnected ? _remote.Format(Domain) : Errno.ENOTCONN;

    public override PollEvents Poll()
    {
        PollEvents events = _incoming.PollReader() | PollEvents.Writable;
        if (_isReadShut)
            events |= PollEvents.Readable | PollEvents.ReadHangUp;
        if (_isReadShut && _isWriteShut)
            events |= PollEvents.HangUp;
        return Volatile.Read(ref _error) != 0 ? events | PollEvents.Error | PollEvents.Readable : events;
    }

    public override Result<int> GetOption(ICaller caller, int level, int name, Span<byte> value) =>
        level is SocketLevel.Ip or SocketLevel.Udp || (level == SocketLevel.Ipv6 && Domain == AddressFamily.Inet6)
            ? _inet.Get(level, name, value, null)
            : base.GetOption(caller, level, name, value);

    public override Errno SetOption(ICaller caller, int level, int name, ReadOnlySpan<byte> value) =>
        level is SocketLevel.Ip or SocketLevel.Udp || (level == SocketLevel.Ipv6 && Domain == AddressFamily.Inet6)
            ? _inet.Set(level, name, value)
            : base.SetOption(caller, level, name, value);

    protected override Errno TakeError() => (Errno)Interlocked.Exchange(ref _error, 0);

    protected override void OnBufferSizes() => _incoming.SetCapacity(Options.ReceiveBuffer);

    protected override void OnRelease()
    {
        if (Interlocked.Exchange(ref _isListed, 0) == 1)
            Stack.Remove(this);
        if (_ownPort != 0)
            Stack.UdpPorts.Release(this, _ownPort);
        _incoming.CloseReader();
    }

    private Result<int> Deliver(ReadOnlySpan<byte> data, InetEndpoint target)
    {
        if (!target.Address.IsLoopback)
            return Errno.ENETUNREACH;
        if (_ownPort == 0)
        {
            using (_lock.Enter())
            {
                if (_ownPort == 0 && TakePort(_local) is not Errno.Ok and Errno full)
                    return full;
            }
        }

        InetEndpoint source = _local.Address.IsAny ? _local with { Address = SourceFor(target) } : _local;
        if (Stack.UdpPorts.Find(target, source, isListener: false) is not UdpSocket receiver)
        {
            // "Port unreachable": a connected socket hears of it at its next call (udp(7)).
            if (_isConnected)
            {
                Interlocked.Exchange(ref _error, (int)Errno.ECONNREFUSED);
                Waiters.Notify(PollEvents.Error | PollEvents.Readable);
            }

            return data.Length;
        }

        // A full queue drops the datagram: nobody is told, as on Linux.
        _ = receiver._incoming.Send(data, source.Format(receiver.Domain), null, Waiters);
        receiver.Release();
        return data.Length;
    }

    private static InetAddress SourceFor(InetEndpoint target) =>
        target.Address.IsV4 ? InetAddress.LoopbackV4 : InetAddress.LoopbackV6;

    private Errno TakePort(InetEndpoint endpoint)
    {
        if (Stack.UdpPorts.Bind(this, endpoint.Address, endpoint.Port).Failed(out ushort port, out Errno error))
            return error;
        _ownPort = port;
        _local = endpoint with { Port = port };
        return Errno.Ok;
    }
}
