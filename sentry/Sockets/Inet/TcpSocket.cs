using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Network;
using Sandbox.Sentry.Network.Tcp;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets.Inet;

/// <summary>AF_INET and AF_INET6 SOCK_STREAM (tcp(7)): a socket over a connection of the sandbox's own stack.</summary>
internal sealed class TcpSocket : Socket, ITcpUser
{
    /// <summary>/proc/sys/net/core/somaxconn.</summary>
    private const int MaxBacklog = 4096;

    private readonly TcpConnection _connection;
    private readonly InetOptions _inet = new();
    private int _isConnecting; // A connect(2) whose end nobody has been told of.
    private int _isListed;

    public TcpSocket(int domain, NetworkStack stack, ICaller caller, OpenFlags flags)
        : base(domain, SocketKind.Stream, SocketLevel.Tcp, stack, caller, flags)
    {
        UserId = caller.Credentials.EffectiveUserId;
        InetAddress any = domain == AddressFamily.Inet ? InetAddress.AnyV4 : InetAddress.AnyV6;
        _connection = new TcpConnection(stack.Tcp, new TcpSettings { UserId = UserId, Account = Account }, any);
        Options.SetDefaultBuffers(TcpOptions.ShownSendBuffer, TcpSettings.DefaultReceiveBuffer);
        _connection.SetUser(this);
    }

    private TcpSocket(TcpSocket listener, TcpConnection connection)
        : base(listener, listener.Credentials)
    {
        UserId = listener.UserId;
        _inet.CopyFrom(listener._inet);
        _connection = connection;
        _connection.SetUser(this);
    }

    public uint UserId { get; }

    public TcpState State => _connection.State;

    public InetEndpoint Local => _connection.Local;

    /// <summary>Where it is connected to; <c>default</c> if it is not.</summary>
    public InetEndpoint Remote => _connection.Remote;

    /// <summary>Connections that wait to be accepted, and how many may.</summary>
    public (int Waiting, int Limit) AcceptCounts => _connection.AcceptCounts;

    public override bool IsListening => _connection.IsListening;

    public override SocketAddress LocalAddress => Local.Format(Domain);

    public override bool HasUrgentData => true;

    protected override int BytesReadable => _connection.BytesReadable;

    protected override int BytesUnsent => _connection.BytesUnacknowledged;

    /// <summary>Bytes to read and bytes not acknowledged, for /proc/net.</summary>
    public (int Readable, int Unsent) Queued => (BytesReadable, BytesUnsent);

    private bool IsV6Only => _connection.Settings.IsV6Only;

    /// <summary>Makes it visible in /proc/net; false if there are too many sockets.</summary>
    public bool List()
    {
        if (!Stack.TryAdd(this))
            return false;
        _isListed = 1;
        return true;
    }

    public void OnTcpEvents(PollEvents events) =>
        Waiters.Notify((events & PollEvents.Writable) != 0 ? events | ConnectionSocket.ListenerHasRoom : events);

    public override Errno Bind(ICaller caller, SocketAddress address)
    {
        if (InetSocketAddress.Parse(address, Domain, out InetEndpoint endpoint) is not Errno.Ok and Errno error)
            return error;
        return Stack.CheckBind(caller, endpoint) is not Errno.Ok and Errno refused
            ? refused
            : _connection.Bind(endpoint);
    }

    public override Errno Listen(ICaller caller, int backlog) =>
        _connection.Listen((int)Math.Min((uint)backlog, MaxBacklog));

    public override Result<Socket> Accept()
    {
        if (_connection.Accept().Failed(out TcpConnection? child, out Errno error))
            return error;
        TcpSocket accepted = new(this, child);
        bool isListed = accepted.List();
        child.ReturnChildCharge(); // The socket is charged by now.
        if (isListed)
            return accepted;
        accepted.Release();
        return Errno.ENFILE;
    }

    public override Errno Connect(ICaller caller, SocketAddress address)
    {
        if (address.Family == AddressFamily.Unspecified)
        {
            _connection.Disconnect();
            _isConnecting = 0;
            return Errno.Ok;
        }

        if (Volatile.Read(ref _isConnecting) != 0)
            return FinishConnect();
        if (InetSocketAddress.Parse(address, Domain, out InetEndpoint target) is not Errno.Ok and Errno error)
            return error;
        if (_connection.State != TcpState.Closed)
            return Errno.EISCONN;
        target = target.ResolveAny();
        if (!Stack.Interfaces.IsLocal(target.Address) || (IsV6Only && target.Address.IsV4))
            return Errno.ENETUNREACH;
        Errno result = _connection.Connect(Stack.Interfaces.SourceForLocal(target.Address), target);
        if (result != Errno.Ok)
            return result;
        _isConnecting = 1;
        return IsNonBlocking ? Errno.EINPROGRESS : FinishConnect();
    }

    /// <summary>What became of a connect: told once, then the socket is connected or may try again.</summary>
    private Errno FinishConnect()
    {
        TcpState state = _connection.State;
        if (state is TcpState.SynSent or TcpState.SynReceived)
            return IsNonBlocking ? Errno.EALREADY : Errno.EAGAIN;
        if (Interlocked.Exchange(ref _isConnecting, 0) == 0)
            return Errno.EISCONN;
        if (state != TcpState.Closed)
            return Errno.Ok;
        Errno error = _connection.TakeError();
        return error == Errno.Ok ? Errno.ECONNABORTED : error;
    }

    public override bool SharesBuffers => true;

    public override Result<int> Send(
        ICaller? caller, ReadOnlySpan<byte> data, SocketAddress? destination, ControlData? control, SocketFlags flags)
    {
        Result<int> result = _connection.Send(
            data, (flags & SocketFlags.More) != 0, (flags & SocketFlags.OutOfBand) != 0);
        if (result.Error != Errno.EAGAIN)
            control?.Release();
        return result;
    }

    public override Result<int> SendShared(
        ICaller? caller, ByteSlice data, SocketAddress? destination, ControlData? control, SocketFlags flags)
    {
        Result<int> result = _connection.Send(
            data, (flags & SocketFlags.More) != 0, (flags & SocketFlags.OutOfBand) != 0);
        if (result.Error != Errno.EAGAIN)
            control?.Release();
        return result;
    }

    public override Result<int> Receive(Span<byte> destination, SocketFlags flags, ref MessageInfo info)
    {
        Result<int> result = ReceiveShared(destination, flags, ref info, out ByteSlice taken);
        taken.Span.CopyTo(destination);
        taken.Buffer?.Release();
        return result;
    }

    public override Result<int> ReceiveShared(
        Span<byte> destination, SocketFlags flags, ref MessageInfo info, out ByteSlice taken)
    {
        taken = default;
        bool isPeek = (flags & SocketFlags.Peek) != 0;
        if ((flags & SocketFlags.OutOfBand) != 0)
        {
            info.Flags |= SocketFlags.OutOfBand;
            return _connection.ReceiveUrgent(destination, isPeek);
        }

        Result<int> result = destination.IsEmpty
            ? 0
            : _connection.Receive(destination, isPeek, 0, out taken);
        info.FullLength = result.Failed(out int count, out _) ? 0 : count;
        return result;
    }

    public override Errno Shutdown(ShutdownHow how) =>
        _connection.Shutdown(how is ShutdownHow.Read or ShutdownHow.Both, how is ShutdownHow.Write or ShutdownHow.Both);

    public override Result<SocketAddress> GetPeerAddress() =>
        State is TcpState.Closed or TcpState.Listen or TcpState.SynSent ? Errno.ENOTCONN : Remote.Format(Domain);

    public override PollEvents Poll() => _connection.Poll();

    public override SyscallResult Control(ICaller caller, uint request, ulong argument)
    {
        const uint atMark = 0x8905;
        return request == atMark
            ? caller.Memory.Write(new UserPtr<int>(new UserAddress(argument)), _connection.IsAtMark ? 1 : 0)
            : base.Control(caller, request, argument);
    }

    public override Result<int> GetOption(ICaller caller, int level, int name, Span<byte> value)
    {
        if (level == SocketLevel.Tcp && TcpOptions.Get(_connection, name, value) is { } known)
            return known;
        return level is SocketLevel.Tcp or SocketLevel.Ip
            || (level == SocketLevel.Ipv6 && Domain == AddressFamily.Inet6)
            ? _inet.Get(level, name, value)
            : base.GetOption(caller, level, name, value);
    }

    public override Errno SetOption(ICaller caller, int level, int name, ReadOnlySpan<byte> value)
    {
        if (level == SocketLevel.Tcp && TcpOptions.Set(_connection, name, value) is { } known)
            return known;
        if (MulticastOptions.RefuseForStream(level, name) is { } refused)
            return refused;
        Errno error = level is SocketLevel.Tcp or SocketLevel.Ip
            || (level == SocketLevel.Ipv6 && Domain == AddressFamily.Inet6)
            ? _inet.Set(level, name, value)
            : base.SetOption(caller, level, name, value);
        if (error == Errno.Ok)
            Follow(level, name);
        return error;
    }

    protected override Errno TakeError() => _connection.TakeError();

    protected override void OnRelease()
    {
        if (Interlocked.Exchange(ref _isListed, 0) == 1)
            Stack.Remove(this);
        _connection.Close(isReset: Options.LingerSeconds == 0);
    }

    /// <summary>The connection does as the option now says.</summary>
    private void Follow(int level, int name)
    {
        TcpSettings settings = _connection.Settings;
        if (level != SocketLevel.Socket)
        {
            settings.IsV6Only = Domain == AddressFamily.Inet6 && _inet[SocketLevel.Ipv6, InetOptions.V6Only] != 0;
            settings.Ttl = (byte)_inet[SocketLevel.Ip, 2];
            settings.TypeOfService = (byte)_inet[SocketLevel.Ip, 1];
            return;
        }

        settings.ReuseAddress = Options.ReuseAddress;
        settings.ReusePort = Options.ReusePort;
        settings.IsUrgentInline = Options.IsOn(SocketOption.OutOfBandInline);
        switch ((SocketOption)name)
        {
            case SocketOption.SendBuffer or SocketOption.SendBufferForce:
                (settings.SendBuffer, settings.IsSendBufferAutomatic) = (Options.SendBuffer, false);
                break;
            case SocketOption.ReceiveBuffer or SocketOption.ReceiveBufferForce:
                (settings.ReceiveBuffer, settings.IsReceiveBufferAutomatic) = (Options.ReceiveBuffer, false);
                _connection.OnReceiveBuffer();
                break;
            case SocketOption.KeepAlive:
                settings.KeepAlive = Options.IsOn(SocketOption.KeepAlive);
                _connection.OnKeepAliveSettings();
                break;
        }
    }
}
