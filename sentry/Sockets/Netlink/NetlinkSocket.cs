using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.PosixQueues;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets.Netlink;

/// <summary>
/// AF_NETLINK, NETLINK_ROUTE (netlink(7)): each request is answered at once into the socket's own queue.
/// </summary>
internal sealed class NetlinkSocket : Socket, ICookieReceiver
{
    private const int AddressBytes = 12, MaxRequestBytes = 65536;

    /// <summary>Requests looked at in one send.</summary>
    private const int MaxRequests = 64;

    // Ports of sockets that do not get their process's pid: Linux makes them negative.
    private static int _lastPort = int.MinValue;

    private readonly PacketChannel _incoming;
    private uint _port;

    /// <summary>The caller has charged for it; the last reference gives that back.</summary>
    public NetlinkSocket(SocketKind kind, NetworkStack stack, ICaller caller, OpenFlags flags)
        : base(AddressFamily.Netlink, kind, 0, stack, caller, flags) =>
        _incoming = new PacketChannel(Waiters, Options.ReceiveBuffer, Account);

    public override SocketAddress LocalAddress => Format(_port);

    protected override int BytesReadable => _incoming.BytesReadable;

    public override Errno Bind(ICaller caller, SocketAddress address)
    {
        if (address.Family != AddressFamily.Netlink || address.Bytes.Length < AddressBytes)
            return Errno.EINVAL;
        uint port = BinaryPrimitives.ReadUInt32LittleEndian(address.Bytes[4..]);
        if (_port != 0 && port != 0 && port != _port)
            return Errno.EINVAL;
        if (port != 0)
            // Ports name sockets to each other; here nobody but the kernel answers, so they need not be unique.
            _port = port;
        else
            BindAutomatically(caller);
        return Errno.Ok; // Multicast groups are silent: the loopback never changes.
    }

    public override Errno Connect(ICaller caller, SocketAddress address)
    {
        if (address.Family == AddressFamily.Unspecified)
            return Errno.Ok;
        if (address.Family != AddressFamily.Netlink || address.Bytes.Length < AddressBytes)
            return Errno.EINVAL;
        BindAutomatically(caller);
        return BinaryPrimitives.ReadUInt32LittleEndian(address.Bytes[4..]) == 0 ? Errno.Ok : Errno.ECONNREFUSED;
    }

    public override Result<int> Send(
        ICaller? caller, ReadOnlySpan<byte> data, SocketAddress? destination, ControlData? control, SocketFlags flags)
    {
        control?.Release();
        if (destination is not null)
        {
            if (destination.Family != AddressFamily.Netlink || destination.Bytes.Length < AddressBytes)
                return Errno.EINVAL;
            if (BinaryPrimitives.ReadUInt32LittleEndian(destination.Bytes[4..]) != 0)
                return Errno.ECONNREFUSED;
        }

        if (data.Length > MaxRequestBytes)
            return Errno.EMSGSIZE;
        BindAutomatically(caller);
        ReadOnlySpan<byte> left = data;
        bool isFull = false;
        NetlinkWriter writer = new(messages =>
            isFull |= _incoming.Send(messages, Format(0), null, Waiters).Error == Errno.EAGAIN);
        for (int count = 0; count < MaxRequests && left.Length >= NetlinkWriter.HeaderBytes; count++)
        {
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(left);
            if (length < NetlinkWriter.HeaderBytes || length > (uint)left.Length)
                break;
            RouteAnswers.Answer(caller, Stack, left[..(int)length], _port, writer);
            writer.Flush();
            if (isFull)
                return Errno.ENOBUFS;
            left = left[Math.Min((int)((length + 3) & ~3u), left.Length)..];
        }

        return data.Length;
    }

    public override Result<int> Receive(Span<byte> destination, SocketFlags flags, ref MessageInfo info) =>
        _incoming.Receive(destination, flags, ref info);

    public override Result<SocketAddress> GetPeerAddress() => Format(0);

    public void Deliver(ReadOnlySpan<byte> message) => _incoming.Send(message, Format(0), null, Waiters);

    public override PollEvents Poll() => _incoming.PollReader() | PollEvents.Writable;

    public override Errno SetOption(ICaller caller, int level, int name, ReadOnlySpan<byte> value)
    {
        // Memberships and details of reports (NETLINK_EXT_ACK…): nothing is ever reported that they would change.
        const int firstOption = 1, lastOption = 12;
        return level == SocketLevel.Netlink
            ? name is >= firstOption and <= lastOption ? Errno.Ok : Errno.ENOPROTOOPT
            : base.SetOption(caller, level, name, value);
    }

    protected override void OnBufferSizes() => _incoming.SetCapacity(Options.ReceiveBuffer);

    protected override void OnRelease()
    {
        _incoming.CloseReader();
        Account.ReturnObject(ObjectCost.Socket);
    }

    private void BindAutomatically(ICaller? caller)
    {
        if (_port == 0)
            _port = caller is Task task
                ? (uint)task.Group.Id.In(task.PidNamespace)
                : (uint)Interlocked.Increment(ref _lastPort);
    }

    private static SocketAddress Format(uint port)
    {
        Span<byte> bytes = stackalloc byte[AddressBytes];
        bytes.Clear();
        bytes[0] = AddressFamily.Netlink;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[4..], port);
        return new SocketAddress(bytes);
    }
}
