using Sandbox.Linux;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets.Unix;

/// <summary>AF_UNIX SOCK_STREAM and SOCK_SEQPACKET (unix(7)).</summary>
internal sealed class UnixConnectionSocket : ConnectionSocket, IUnixSocket
{
    private readonly UnixBinding _binding;
    private UnixConnectionSocket? _peer; // Set once, when connected.
    private SenderCredentials _credentials; // Of whoever made, connected or listened on this socket.
    private int _isBinding;

    public UnixConnectionSocket(SocketKind type, NetworkStack stack, ICaller caller, OpenFlags flags)
        : base(AddressFamily.Unix, type, 0, stack, caller, flags)
    {
        _binding = new UnixBinding(this);
        _credentials = SenderCredentials.Of(caller);
    }

    private UnixConnectionSocket(UnixConnectionSocket listener, UnixConnectionSocket client, Credentials credentials)
        : base(listener, credentials)
    {
        _binding = new UnixBinding(this);
        _binding.ShowAs(listener._binding);
        (_peer, _credentials) = (client, listener._credentials);
    }

    public UnixBinding Binding => _binding;

    public override SocketAddress LocalAddress => _binding.Address;

    public override bool StampsSender => Options.PassCredentials || _peer?.Options.PassCredentials == true;

    protected override Errno NotConnectedError => IsStream ? Errno.EINVAL : Errno.ENOTCONN;

    protected override SenderCredentials? PeerCredentials =>
        IsListening ? _credentials : State == ConnectionState.Connected ? _peer?._credentials : null;

    /// <summary>Connects two new sockets (socketpair(2)).</summary>
    public static void Pair(UnixConnectionSocket one, UnixConnectionSocket two)
    {
        (one._peer, two._peer) = (two, one);
        Join(one, two);
    }

    public override Errno Bind(ICaller caller, SocketAddress address)
    {
        // Not under the state lock: making a node walks a path and may ask a gofer.
        // Two binds at once are the guest's race.
        if (Interlocked.Exchange(ref _isBinding, 1) == 1)
            return Errno.EINVAL;
        Errno result = _binding.Bind(caller, address);
        _isBinding = 0;
        return result;
    }

    public override Errno Connect(ICaller caller, SocketAddress address)
    {
        if (FindListener(caller, address).Failed(out UnixConnectionSocket? listener, out Errno error))
            return error;
        _credentials = SenderCredentials.Of(caller);
        if (Options.PassCredentials)
            _binding.BindAutomatically();
        Errno result = ConnectTo(listener);
        listener.Release();
        return result;
    }

    public override WaitQueue ConnectWaiters(ICaller caller, SocketAddress address)
    {
        if (FindListener(caller, address).Failed(out UnixConnectionSocket? listener, out _))
            return Waiters; // The next attempt will say what is wrong.
        WaitQueue waiters = listener.Waiters;
        listener.Release();
        return waiters;
    }

    public override Result<int> Send(
        ICaller? caller, ReadOnlySpan<byte> data, SocketAddress? destination, ControlData? control, SocketFlags flags)
    {
        if (destination is not null)
        {
            control?.Release();
            return State == ConnectionState.Connected ? Errno.EISCONN : Errno.EOPNOTSUPP;
        }

        return base.Send(caller, data, null, AddCredentials(caller, control), flags);
    }

    public override Result<SocketAddress> GetPeerAddress() =>
        State == ConnectionState.Connected && _peer is { } peer ? peer.LocalAddress : Errno.ENOTCONN;

    protected override ConnectionSocket CreateChild(ConnectionSocket client) =>
        new UnixConnectionSocket(this, (UnixConnectionSocket)client, Credentials);

    protected override Errno PrepareListen(ICaller caller)
    {
        _credentials = SenderCredentials.Of(caller);
        return _binding.IsBound ? Errno.Ok : Errno.EINVAL;
    }

    protected override void OnConnected(ConnectionSocket child) => _peer = (UnixConnectionSocket)child;

    protected override void Unbind() => _binding.Release();

    /// <summary>Credentials travel once one side asked for them (SO_PASSCRED).</summary>
    private ControlData? AddCredentials(ICaller? caller, ControlData? control)
    {
        if (control?.Credentials is not null || !StampsSender)
            return control;
        control ??= new ControlData();
        control.Credentials = caller is null ? _credentials : SenderCredentials.Of(caller);
        return control;
    }

    private Result<UnixConnectionSocket> FindListener(ICaller caller, SocketAddress address)
    {
        if (UnixBinding.Find(caller, Stack, address).Failed(out Socket? found, out Errno error))
            return error;
        if (found is UnixConnectionSocket listener && listener.Type == Type)
            return listener;
        found.Release();
        return Errno.EPROTOTYPE;
    }
}

/// <summary>What /proc/net/unix shows of every unix socket.</summary>
internal interface IUnixSocket
{
    UnixBinding Binding { get; }
}
