using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets.Host;

/// <summary>
/// A socket whose work the host does. It never blocks on the host either: the host's readiness wakes whoever waits
/// here. Locks are the host's.
/// </summary>
internal class HostInetSocket : Socket, IHostReadiness
{
    private const ulong Unwatched = 0;
    private const int PortOffset = 2, AncillaryRoom = 1024;

    private readonly HostFd _socket;
    private ulong _watch = Unwatched;
    private volatile bool _isListening;

    public HostInetSocket(
        int domain, SocketKind type, int protocol, NetworkStack stack, ICaller caller, OpenFlags flags, HostFd socket)
        : base(domain, type, protocol, stack, caller, flags) => _socket = socket;

    private bool _isCounted; // Among the host's descriptors.

    private HostInetSocket(HostInetSocket listener, HostFd socket)
        : base(listener, listener.Credentials) => _socket = socket;

    public override bool IsListening => _isListening;

    public override int MaxMessageBytes => 65535;

    public override bool HasUrgentData => IsStream;

    public override bool HasErrorQueue => Domain != AddressFamily.Netlink;

    public override SocketAddress LocalAddress => NameOf(peer: false).Failed(out SocketAddress? name, out _)
        ? SocketAddress.OfFamily(Domain)
        : name;

    protected int HostNumber => _socket.Number;

    protected override int BytesReadable => ControlInt(Ioctl.BytesReadable);

    protected override int BytesUnsent => ControlInt(Ioctl.BytesUnsent);

    /// <summary>Lists it and has the host watched for it. ENFILE, ENOMEM.</summary>
    public Errno Start()
    {
        if (!Stack.TryAdd(this))
            return Errno.ENFILE;
        if (!Account.TryTakeDescriptor())
            return Errno.ENFILE;
        _isCounted = true;
        if (HostPoller.Add(HostNumber, this).Failed(out ulong id, out Errno error))
            return error;
        _watch = id;
        return Errno.Ok;
    }

    public void OnHostReady(PollEvents events) => Waiters.Notify(Complete(events) | ConnectionSocket.ListenerHasRoom);

    public override Errno Bind(ICaller caller, SocketAddress address) =>
        MayBind(caller, address) ? HostInet.Bind(HostNumber, address.Bytes) : Errno.EACCES;

    public override Errno Listen(ICaller caller, int backlog)
    {
        Errno error = HostInet.Listen(HostNumber, backlog);
        if (error == Errno.Ok)
            _isListening = true;
        return error;
    }

    public override Result<Socket> Accept()
    {
        if (HostInet.Accept(HostNumber).Failed(out int fd, out Errno error))
            return error;
        HostInetSocket accepted = new(this, new HostFd(fd));
        if (accepted.Start() is not Errno.Ok and Errno failed)
        {
            accepted.Release();
            return failed;
        }

        return accepted;
    }

    public override Errno Connect(ICaller caller, SocketAddress address)
    {
        Errno error = HostInet.Connect(HostNumber, address.Bytes);
        // A blocking call waits until the host has connected, and then asks again.
        return error is Errno.EINPROGRESS or Errno.EALREADY && !IsNonBlocking ? Errno.EAGAIN : error;
    }

    public override Result<int> Send(
        ICaller? caller, ReadOnlySpan<byte> data, SocketAddress? destination, ControlData? control, SocketFlags flags)
    {
        const SocketFlags passed = SocketFlags.OutOfBand | SocketFlags.DontRoute | SocketFlags.Confirm
            | SocketFlags.More
            | SocketFlags.EndOfRecord;
        ReadOnlySpan<byte> messages = control is null ? default : control.Network.Bytes;
        Result<int> result = HostInet.Send(
            HostNumber, data, (int)(flags & passed), destination is null ? default : destination.Bytes, messages);
        if (result.Error != Errno.EAGAIN)
            control?.Release();
        return result;
    }

    public override Result<int> Receive(Span<byte> destination, SocketFlags flags, ref MessageInfo info)
    {
        const SocketFlags passed = SocketFlags.OutOfBand | SocketFlags.Peek | SocketFlags.ErrorQueue;
        const SocketFlags told = SocketFlags.OutOfBand | SocketFlags.EndOfRecord | SocketFlags.ErrorQueue;
        Span<byte> name = stackalloc byte[SocketAddress.MaxBytes];
        Span<byte> messages = stackalloc byte[AncillaryRoom];
        int hostFlags = (int)(flags & passed) | (IsStream ? 0 : HostInet.WholeLength);
        if (HostInet.Receive(HostNumber, destination, hostFlags, name, messages, out HostInet.Received received)
            .Failed(out int count, out Errno error))
        {
            return error;
        }

        info.FullLength = count;
        if (received.AddressBytes >= sizeof(ushort))
            info.Sender = new SocketAddress(name[..received.AddressBytes]);
        info.Flags |= (SocketFlags)received.Flags & told;
        info.Network.AddAll(messages[..received.ControlBytes]);
        if (count > destination.Length)
            info.Flags |= SocketFlags.Truncated;
        return Math.Min(count, destination.Length);
    }

    public override Errno Shutdown(ShutdownHow how)
    {
        Errno error = HostInet.Shutdown(HostNumber, (int)how);
        if (error == Errno.Ok)
            Waiters.Notify(PollEvents.Readable | PollEvents.Writable | PollEvents.HangUp);
        return error;
    }

    public override Result<SocketAddress> GetPeerAddress() => NameOf(peer: true);

    public override PollEvents Poll() =>
        Complete(HostPoll.Now(
            HostNumber, PollEvents.In | PollEvents.Out | PollEvents.Priority | PollEvents.ReadHangUp));

    public override Result<int> GetOption(ICaller caller, int level, int name, Span<byte> value)
    {
        if (level == SocketLevel.Socket && !HostOptions.IsOfHost((SocketOption)name))
            return base.GetOption(caller, level, name, value);
        return HostOptions.MayPass(level, name)
            ? HostInet.GetOption(HostNumber, level, name, value)
            : Errno.ENOPROTOOPT;
    }

    public override Errno SetOption(ICaller caller, int level, int name, ReadOnlySpan<byte> value)
    {
        if (level == SocketLevel.Socket && !HostOptions.IsOfHost((SocketOption)name))
            return base.SetOption(caller, level, name, value);
        return HostOptions.MayPass(level, name)
            ? HostInet.SetOption(HostNumber, level, name, value)
            : Errno.ENOPROTOOPT;
    }

    public override SyscallResult Control(ICaller caller, uint request, ulong argument)
    {
        Errno answer = HostInterfaces.Run(caller, HostNumber, request, new UserAddress(argument));
        return answer == Errno.ENOTTY ? base.Control(caller, request, argument) : answer;
    }

    protected override Errno TakeError()
    {
        Span<byte> value = stackalloc byte[sizeof(int)];
        return HostInet.GetOption(HostNumber, SocketLevel.Socket, (int)SocketOption.Error, value).Error == Errno.Ok
            ? (Errno)BinaryPrimitives.ReadInt32LittleEndian(value)
            : Errno.Ok;
    }

    protected override void OnRelease()
    {
        Stack.Remove(this);
        if (_watch != Unwatched)
            HostPoller.Remove(HostNumber, _watch);
        _socket.Dispose();
        Account.ReturnDescriptors(_isCounted ? 1 : 0);
    }

    /// <summary>
    /// The kernel of a container asks for CAP_NET_BIND_SERVICE below port 1024, unless the namespace says otherwise.
    /// </summary>
    private bool MayBind(ICaller caller, SocketAddress address)
    {
        if (Domain == AddressFamily.Netlink || address.Bytes.Length < PortOffset + sizeof(ushort))
            return true;
        ushort port = BinaryPrimitives.ReadUInt16BigEndian(address.Bytes[PortOffset..]);
        return Stack.MayBind(caller.Credentials, port);
    }

    private Result<SocketAddress> NameOf(bool peer)
    {
        Span<byte> name = stackalloc byte[SocketAddress.MaxBytes];
        if (HostInet.GetName(HostNumber, peer, name).Failed(out int length, out Errno error))
            return error;
        return length >= sizeof(ushort) ? new SocketAddress(name[..length]) : SocketAddress.OfFamily(Domain);
    }

    private int ControlInt(uint request)
    {
        Span<byte> value = stackalloc byte[sizeof(int)];
        return HostInet.Control(HostNumber, request, value) == Errno.Ok
            ? BinaryPrimitives.ReadInt32LittleEndian(value)
            : 0;
    }

    private static PollEvents Complete(PollEvents events)
    {
        if ((events & PollEvents.In) != 0)
            events |= PollEvents.ReadNormal;
        if ((events & PollEvents.Out) != 0)
            events |= PollEvents.WriteNormal;
        return events;
    }
}
