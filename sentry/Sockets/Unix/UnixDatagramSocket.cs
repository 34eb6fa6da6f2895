using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets.Unix;

/// <summary>AF_UNIX SOCK_DGRAM: reliable, in order, a full receiver makes senders wait (unix(7)).</summary>
internal sealed class UnixDatagramSocket : Socket, IUnixSocket
{
    private readonly UnixBinding _binding;
    private readonly PacketChannel _incoming;
    private readonly SenderCredentials _credentials;
    private volatile UnixDatagramSocket? _peer;
    private volatile bool _isReadShut;
    private volatile bool _isWriteShut;
    private bool _isPair;
    private int _isBinding;
    private int _isListed;

    public UnixDatagramSocket(NetworkStack stack, ICaller caller, OpenFlags flags)
        : base(AddressFamily.Unix, SocketKind.Datagram, 0, stack, caller, flags)
    {
        _binding = new UnixBinding(this);
        _incoming = new PacketChannel(Waiters, Options.ReceiveBuffer, Account) { Reader = this };
        _credentials = SenderCredentials.Of(caller);
    }

    public UnixBinding Binding => _binding;

    public override SocketAddress LocalAddress => _binding.Address;

    public override bool StampsSender => Options.PassCredentials || _peer?.Options.PassCredentials == true;

    protected override int BytesReadable => _incoming.BytesReadable;

    protected override SenderCredentials? PeerCredentials => _isPair ? _peer?._credentials : null;

    /// <summary>Connects two new sockets (socketpair(2)).</summary>
    public static void Pair(UnixDatagramSocket one, UnixDatagramSocket two)
    {
        (one._peer, two._peer) = (two, one);
        one._isPair = two._isPair = true;
    }

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
        if (Interlocked.Exchange(ref _isBinding, 1) == 1)
            return Errno.EINVAL;
        Errno result = _binding.Bind(caller, address);
        _isBinding = 0;
        return result;
    }

    /// <summary>Sets where sends go and from whom alone messages are taken; AF_UNSPEC dissolves it.</summary>
    public override Errno Connect(ICaller caller, SocketAddress address)
    {
        if (address.Family == AddressFamily.Unspecified)
        {
            _peer = null;
            return Errno.Ok;
        }

        if (FindReceiver(caller, address).Failed(out UnixDatagramSocket? receiver, out Errno error))
            return error;
        if (receiver._peer is { } other && other != this)
        {
            receiver.Release();
            return Errno.EPERM;
        }

        if (Options.PassCredentials)
            _binding.BindAutomatically();
        _peer = receiver;
        receiver.Release(); // Kept as an object, not as a reference: its close makes sends fail.
        Waiters.Notify(PollEvents.Writable);
        return Errno.Ok;
    }

    public override Result<int> Send(
        ICaller? caller, ReadOnlySpan<byte> data, SocketAddress? destination, ControlData? control, SocketFlags flags)
    {
        Result<int> result = TrySend(caller, data, destination, AddCredentials(caller, destination, ref control));
        if (result.Error is not (Errno.Ok or Errno.EAGAIN))
            control?.Release();
        return result;
    }

    private Result<int> TrySend(
        ICaller? caller, ReadOnlySpan<byte> data, SocketAddress? destination, ControlData? control)
    {
        if (_isWriteShut)
            return Errno.EPIPE;
        if (destination is null)
        {
            if (_peer is not { } peer)
                return Errno.ENOTCONN;
            Result<int> sent = peer.Deliver(this, data, control);
            if (sent.Error == Errno.ECONNREFUSED)
                _peer = null;
            return sent;
        }

        if (caller is null)
            return Errno.EINVAL;
        if (FindReceiver(caller, destination).Failed(out UnixDatagramSocket? receiver, out Errno error))
            return error;
        Result<int> result = receiver.Deliver(this, data, control);
        receiver.Release();
        return result;
    }

    public override Result<int> Receive(Span<byte> destination, SocketFlags flags, ref MessageInfo info)
    {
        Result<int> result = _incoming.Receive(destination, flags, ref info);
        return result.Error == Errno.EAGAIN && _isReadShut ? 0 : result;
    }

    public override Errno Shutdown(ShutdownHow how)
    {
        _isWriteShut |= how is ShutdownHow.Write or ShutdownHow.Both;
        _isReadShut |= how is ShutdownHow.Read or ShutdownHow.Both;
        Waiters.Notify(PollEvents.Readable | PollEvents.Writable | PollEvents.HangUp);
        return Errno.Ok;
    }

    public override Result<SocketAddress> GetPeerAddress() => _peer is { } peer ? peer.LocalAddress : Errno.ENOTCONN;

    public override PollEvents Poll()
    {
        PollEvents events = _incoming.PollReader();
        if (_isReadShut)
            events |= PollEvents.Readable | PollEvents.ReadHangUp;
        if (_isReadShut && _isWriteShut)
            events |= PollEvents.HangUp;
        return events | (_peer is { } peer && peer != this ? peer._incoming.PollWriter(Waiters) : PollEvents.Writable);
    }

    protected override void OnBufferSizes() => _incoming.SetCapacity(Options.ReceiveBuffer);

    protected override void OnRelease()
    {
        if (Interlocked.Exchange(ref _isListed, 0) == 1)
            Stack.Remove(this);
        _incoming.CloseReader();
        _binding.Release();
        FilesInFlight.OnSocketClosed();
    }

    private Result<int> Deliver(UnixDatagramSocket sender, ReadOnlySpan<byte> data, ControlData? control)
    {
        if (_peer is { } only && only != sender && !_isPair)
            return Errno.EPERM; // A connected receiver takes messages of its peer alone.
        if (_isReadShut)
            return Errno.EPIPE;
        SocketAddress? from = sender._binding.IsBound ? sender.LocalAddress : null;
        Result<int> result = _incoming.Send(data, from, control, sender.Waiters);
        return result.Error == Errno.EPIPE ? Errno.ECONNREFUSED : result; // Its reader is closed: the socket is.
    }

    private ControlData? AddCredentials(ICaller? caller, SocketAddress? destination, ref ControlData? control)
    {
        // A receiver that is named, not connected, may ask for credentials too:
        // they are sent with every message to a name.
        bool isWanted = destination is not null || StampsSender;
        if (!isWanted || control?.Credentials is not null)
            return control;
        control ??= new ControlData();
        control.Credentials = caller is null ? _credentials : SenderCredentials.Of(caller);
        return control;
    }

    private Result<UnixDatagramSocket> FindReceiver(ICaller caller, SocketAddress address)
    {
        if (UnixBinding.Find(caller, Stack, address).Failed(out Socket? found, out Errno error))
            return error;
        if (found is UnixDatagramSocket receiver)
            return receiver;
        found.Release();
        return Errno.EPROTOTYPE;
    }
}
