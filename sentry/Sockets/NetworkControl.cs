using Sandbox.Linux;

namespace Sandbox.Sentry.Sockets;

/// <summary>
/// Which ancillary messages a program may send with an internet socket (ip(7), ipv6(7), udp(7)), and how long they are.
/// Others are EINVAL, as on Linux; those that Linux takes and that say nothing to a network are left out.
/// </summary>
internal static class NetworkControl
{
    public const int TypeOfService = 1, Ttl = 2, PacketInfo = 8, PacketInfo6 = 50, HopLimit = 52, TrafficClass = 67,
        UdpSegment = 103;

    public const int PacketInfoBytes = 12, PacketInfo6Bytes = 20;

    private const int Rights = 1, Credentials = 2, TransmitTime = 61, DontFragment6 = 62;

    /// <summary>EINVAL for an unknown kind or a wrong length, EPERM for what needs a capability.</summary>
    public static Errno Check(Socket socket, int level, int type, int bytes)
    {
        switch (level)
        {
            case SocketLevel.Socket:
                return (SocketOption)type switch
                {
                    (SocketOption)Rights or (SocketOption)Credentials => Errno.Ok,
                    SocketOption.Mark => Errno.EPERM,
                    SocketOption.Timestamping or SocketOption.NewTimestamping =>
                        bytes == sizeof(int) ? Errno.Ok : Errno.EINVAL,
                    (SocketOption)TransmitTime => bytes == sizeof(ulong) ? Errno.Ok : Errno.EINVAL,
                    _ => Errno.EINVAL,
                };
            case SocketLevel.Ip or SocketLevel.Ipv6 when socket.IsStream:
                return Errno.Ok; // A stream has no datagram that they could be about.
            case SocketLevel.Ip when socket.Domain == AddressFamily.Inet || type is PacketInfo or Ttl or TypeOfService:
                return type switch
                {
                    PacketInfo => bytes == PacketInfoBytes ? Errno.Ok : Errno.EINVAL,
                    Ttl => bytes == sizeof(int) ? Errno.Ok : Errno.EINVAL,
                    TypeOfService => bytes is sizeof(int) or sizeof(byte) ? Errno.Ok : Errno.EINVAL,
                    _ => Errno.EINVAL,
                };
            case SocketLevel.Ipv6:
                return type switch
                {
                    PacketInfo6 => bytes >= PacketInfo6Bytes ? Errno.Ok : Errno.EINVAL,
                    HopLimit or TrafficClass or DontFragment6 => bytes == sizeof(int) ? Errno.Ok : Errno.EINVAL,
                    _ => Errno.EINVAL,
                };
            case SocketLevel.Udp when socket.Protocol == SocketLevel.Udp:
                return type == UdpSegment && bytes == sizeof(ushort) ? Errno.Ok : Errno.EINVAL;
            default:
                return Errno.Ok; // Of no layer of this socket.
        }
    }

    /// <summary>True for those that reach the socket; of numbers alone, no descriptor among them.</summary>
    public static bool IsCarried(int level, int type) => level switch
    {
        SocketLevel.Socket => (SocketOption)type is SocketOption.Timestamping or SocketOption.NewTimestamping,
        SocketLevel.Ip => type is PacketInfo or Ttl or TypeOfService,
        SocketLevel.Ipv6 => type is PacketInfo6 or HopLimit or TrafficClass or DontFragment6,
        SocketLevel.Udp => type == UdpSegment,
        _ => false,
    };
}
