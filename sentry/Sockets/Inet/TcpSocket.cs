using Sandbox.Linux;
using Sandbox.Sentry.Network;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets.Inet;

/// <summary>
/// AF_INET and AF_INET6 SOCK_STREAM inside the sandbox (tcp(7)): a connection over the loopback is two byte streams,
/// without segments, windows or timers.
/// </summary>
internal sealed class TcpSocket : ConnectionSocket, IPortUser
{
    private readonly InetOptions _inet = new();
    private InetEndpoint _local; // Guarded by StateLock for writing.
    private InetEndpoint _remote;
    private InetEndpoint _target; // Of a connect in progress.
    private ushort _ownPort; // The port held in the table, or 0.

    public TcpSocket(int domain, NetworkStack stack, ICaller caller, OpenFlags flags)
        : base(domain, SocketKind.Stream, SocketLevel.Tcp, stack, caller, flags)
    {
        _local = new InetEndpoint(AnyAddress, 0);
        UserId = caller.Credentials.EffectiveUserId;
    }

    private TcpSocket(TcpSocket listener, TcpSocket client, Credentials credentials)
        : base(listener, credentials)
    {
        UserId = listener.UserId;
        _local = client._target;
        _inet.CopyFrom(listener._inet);
    }

    public uint UserId { get; }

    public InetAddress BoundAddress => _local.Address;

    public InetEndpoint Local => _local;

    /// <summary>Where it is connected to; <c>default</c> if it is not.</summary>
    public InetEndpoint Remote => _remote;

    InetEndpoint? IPortUser.OnlyFrom => null;

    public bool IsV6Only => Domain == AddressFamily.Inet6 && _inet[SocketLevel.Ipv6, InetOptions.V6Only] != 0;

    public override SocketAddress LocalAddress => _local.Format(Domain);

    protected override bool PeerReadShutdownBreaksSends => false;

    protected override Errno NotConnectedError => Errno.ENOTCONN;

    protected override Errno NotConnectedSendError => Errno.EPIPE;

    protected override int MinBacklog => 1024;

    protected override bool ResetsOnClose => Options.LingerSeconds == 0;

    private InetAddress AnyAddress => Domain == AddressFamily.Inet ? InetAddress.AnyV4 : InetAddress.AnyV6;

    public override Errno Bind(ICaller caller, SocketAddress address)
    {
        if (InetSocketAddress.Parse(address, Domain, out InetEndpoint endpoint) is not Errno.Ok and Errno error)
            return error;
        if (PortTable.Check(caller, Stack, endpoint) is not Errno.Ok and Errno refused)
            return refused;
        using (StateLock.Enter())
            return _ownPort != 0 || State != ConnectionState.Idle ? Errno.EINVAL : TakePort(endpoint);
    }

    public override Errno Connect(ICaller caller, SocketAddress address)
    {
        if (address.Family == AddressFamily.Unspecified)
            return State == ConnectionState.Idle ? Errno.Ok : Errno.EOPNOTSUPP;
        if (InetSocketAddress.Parse(address, Domain, out InetEndpoint target) is not Errno.Ok and Errno error)
            return error;
        if (State != ConnectionState.Idle)
            return Errno.EISCONN;
        target = target.ResolveAny();
        if (!Stack.Interfaces.IsLocal(target.Address) || (IsV6Only && target.Address.IsV4))
            return Errno.ENETUNREACH;
        if (Stack.TcpPorts.Find(target, default, isListener: true) is not TcpSocket listener)
            return Errno.ECONNREFUSED;

        _target = target;
        Errno result = ConnectTo(listener, static client => ((TcpSocket)client).PrepareConnect());
        listener.Release();

        // A full queue would drop the first segment, and the client would go on trying;
        // there is no clock to try by here.
        return result == Errno.EAGAIN && IsNonBlocking ? Errno.ECONNREFUSED : result;
    }

    public override Sync.WaitQueue ConnectWaiters(ICaller caller, SocketAddress address) => Waiters;

    public override Result<SocketAddress> GetPeerAddress() =>
        State == ConnectionState.Connected ? _remote.Format(Domain) : Errno.ENOTCONN;

    public override Result<int> GetOption(ICaller caller, int level, int name, Span<byte> value) =>
        level is SocketLevel.Tcp or SocketLevel.Ip || (level == SocketLevel.Ipv6 && Domain == AddressFamily.Inet6)
            ? _inet.Get(level, name, value, State)
            : base.GetOption(caller, level, name, value);

    public override Errno SetOption(ICaller caller, int level, int name, ReadOnlySpan<byte> value) =>
        level is SocketLevel.Tcp or SocketLevel.Ip || (level == SocketLevel.Ipv6 && Domain == AddressFamily.Inet6)
            ? _inet.Set(level, name, value)
            : base.SetOption(caller, level, name, value);

    protected override ConnectionSocket CreateChild(ConnectionSocket client) =>
        new TcpSocket(this, (TcpSocket)client, Credentials);

    protected override void OnConnected(ConnectionSocket child)
    {
        _remote = _target;
        ((TcpSocket)child)._remote = _local;
    }

    protected override Errno PrepareListen(ICaller caller)
    {
        if (_ownPort == 0)
            return TakePort(_local);
        return Stack.TcpPorts.CanListen(this, _ownPort) ? Errno.Ok : Errno.EADDRINUSE;
    }

    protected override void Unbind()
    {
        if (_ownPort != 0)
            Stack.TcpPorts.Release(this, _ownPort);
        _ownPort = 0;
    }

    /// <summary>The client's own end: a port if it has none, and the address the connection comes from.</summary>
    private Errno PrepareConnect()
    {
        if (_ownPort == 0 && TakePort(_local) is not Errno.Ok and Errno error)
            return error == Errno.EADDRINUSE ? Errno.EADDRNOTAVAIL : error;
        if (_local.Address.IsAny)
            _local = _local with { Address = Stack.Interfaces.SourceForLocal(_target.Address) };
        return Errno.Ok;
    }

    private Errno TakePort(InetEndpoint endpoint)
    {
        if (Stack.TcpPorts.Bind(this, endpoint.Address, endpoint.Port).Failed(out ushort port, out Errno error))
            return error;
        _ownPort = port;
        _local = endpoint with { Port = port };
        return Errno.Ok;
    }
}
