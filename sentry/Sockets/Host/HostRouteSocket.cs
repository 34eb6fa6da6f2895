using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.PosixQueues;
using Sandbox.Sentry.Sockets.Netlink;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets.Host;

/// <summary>
/// AF_NETLINK, NETLINK_ROUTE, answered by the host's kernel about the container's network namespace: questions only.
/// The Sentry has no privilege there, so that a change would be refused by the host as well. What the Sentry itself has
/// to say comes before the host's answers.
/// </summary>
internal sealed class HostRouteSocket : HostInetSocket, ICookieReceiver
{
    // Cookies of message queues; no more than so many bytes of them wait to be read.
    private const int CookieBytes = 32768;

    private const int FirstRequest = 16, LastRequest = 120, KindMask = 3, GetKind = 2, AddressBytes = 12,
        MaxRequestBytes = 65536;

    private readonly PacketChannel _cookies;

    public HostRouteSocket(SocketKind type, NetworkStack stack, ICaller caller, OpenFlags flags, HostFd socket)
        : base(AddressFamily.Netlink, type, 0, stack, caller, flags, socket) =>
        _cookies = new PacketChannel(Waiters, CookieBytes, Account);

    public void Deliver(ReadOnlySpan<byte> message)
    {
        Span<byte> kernel = stackalloc byte[AddressBytes];
        kernel.Clear();
        kernel[0] = AddressFamily.Netlink;
        _cookies.Send(message, new SocketAddress(kernel), null, Waiters);
    }

    public override Result<int> Receive(Span<byte> destination, SocketFlags flags, ref MessageInfo info)
    {
        Result<int> cookie = _cookies.Receive(destination, flags, ref info);
        return cookie.Error == Errno.EAGAIN ? base.Receive(destination, flags, ref info) : cookie;
    }

    public override PollEvents Poll() => base.Poll() | _cookies.PollReader();

    public override Errno Bind(ICaller caller, SocketAddress address)
    {
        if (address.Family != AddressFamily.Netlink || address.Bytes.Length < AddressBytes)
            return Errno.EINVAL;
        // The host chooses the port: a guest's pid says nothing there.
        Span<byte> own = stackalloc byte[AddressBytes];
        address.Bytes[..AddressBytes].CopyTo(own);
        own[4..8].Clear();
        return HostInet.Bind(HostNumber, own);
    }

    public override Result<int> Send(
        ICaller? caller, ReadOnlySpan<byte> data, SocketAddress? destination, ControlData? control, SocketFlags flags)
    {
        control?.Release();
        if (data.Length > MaxRequestBytes)
            return Errno.EMSGSIZE;
        if (destination is not null
            && (destination.Family != AddressFamily.Netlink || destination.Bytes.Length < AddressBytes))
            return Errno.EINVAL;
        if (destination is not null && BinaryPrimitives.ReadUInt32LittleEndian(destination.Bytes[4..]) != 0)
            return Errno.ECONNREFUSED;
        int whole = LengthOfMessages(data);
        if (!HoldsOnlyQuestions(data[..whole]))
            return Errno.EPERM;
        Result<int> sent = whole == 0 ? 0 : HostInet.Send(HostNumber, data[..whole], 0, default);
        return sent.Error == Errno.Ok ? data.Length : sent;
    }

    protected override void OnRelease()
    {
        _cookies.CloseReader();
        base.OnRelease();
    }

    /// <summary>
    /// The bytes up to what is no whole message: programs send larger buffers, and Linux does not look at the rest.
    /// </summary>
    private static int LengthOfMessages(ReadOnlySpan<byte> data)
    {
        int end = 0;
        while (data.Length - end >= NetlinkWriter.HeaderBytes)
        {
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(data[end..]);
            if (length < NetlinkWriter.HeaderBytes || length > (uint)(data.Length - end))
                break;
            end = Math.Min(end + (int)((length + 3) & ~3u), data.Length);
        }

        return end;
    }

    private static bool HoldsOnlyQuestions(ReadOnlySpan<byte> data)
    {
        while (data.Length >= NetlinkWriter.HeaderBytes)
        {
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(data);
            int type = BinaryPrimitives.ReadUInt16LittleEndian(data[4..]);
            if (length < NetlinkWriter.HeaderBytes || length > (uint)data.Length)
                return false;
            if (type is < FirstRequest or > LastRequest || (type & KindMask) != GetKind)
                return false;
            data = data[Math.Min((int)((length + 3) & ~3u), data.Length)..];
        }

        return true;
    }
}
