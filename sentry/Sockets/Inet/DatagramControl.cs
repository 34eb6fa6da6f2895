using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Sentry.Network;

namespace Sandbox.Sentry.Sockets.Inet;

/// <summary>
/// What a sender says about one datagram beside its bytes: by its options, or by ancillary messages for this one alone.
/// </summary>
internal struct DatagramControl
{
    /// <summary>The address it comes from; unspecified for the socket's own.</summary>
    public InetAddress Source;
    public int Interface;
    public byte Ttl;
    public byte TypeOfService;

    /// <summary>Cut the bytes into datagrams of this size (UDP_SEGMENT); 0 for one.</summary>
    public int SegmentBytes;

    private const int MaxByte = 255;

    /// <summary>
    /// Overrides what the socket's options say. EINVAL for values that cannot be, ENODEV for an unknown interface.
    /// </summary>
    public Errno Read(ReadOnlySpan<byte> messages, InterfaceTable interfaces)
    {
        AncillaryReader reader = new(messages);
        while (reader.Next(out int level, out int type, out ReadOnlySpan<byte> data))
        {
            Errno error = (level, type) switch
            {
                (SocketLevel.Ip, NetworkControl.PacketInfo) => SetSource(
                    InetAddress.FromV4(BinaryPrimitives.ReadUInt32BigEndian(data[4..])),
                    BinaryPrimitives.ReadInt32LittleEndian(data),
                    interfaces),
                (SocketLevel.Ipv6, NetworkControl.PacketInfo6) => SetSource(
                    new InetAddress(BinaryPrimitives.ReadUInt128BigEndian(data)),
                    BinaryPrimitives.ReadInt32LittleEndian(data[16..]),
                    interfaces),
                (SocketLevel.Ip, NetworkControl.Ttl) => SetByte(ref Ttl, data, 1),
                (SocketLevel.Ipv6, NetworkControl.HopLimit) => SetByte(ref Ttl, data, 0),
                (SocketLevel.Ip, NetworkControl.TypeOfService) or (SocketLevel.Ipv6, NetworkControl.TrafficClass) =>
                    SetByte(ref TypeOfService, data, 0),
                (SocketLevel.Udp, NetworkControl.UdpSegment) => SetSegments(data),
                _ => Errno.Ok,
            };
            if (error != Errno.Ok)
                return error;
        }

        return Errno.Ok;
    }

    private Errno SetSource(InetAddress source, int index, InterfaceTable interfaces)
    {
        if (index != 0 && interfaces.Find(index) is null)
            return Errno.ENODEV;
        if (!source.IsAny && !interfaces.IsLocal(source))
            return Errno.EINVAL;
        (Source, Interface) = (source, index);
        return Errno.Ok;
    }

    private Errno SetSegments(ReadOnlySpan<byte> data)
    {
        SegmentBytes = BinaryPrimitives.ReadUInt16LittleEndian(data);
        return Errno.Ok;
    }

    private static Errno SetByte(ref byte place, ReadOnlySpan<byte> data, int least)
    {
        int value = data.Length >= sizeof(int) ? BinaryPrimitives.ReadInt32LittleEndian(data) : data[0];
        if (value == -1 && least == 0)
            return Errno.Ok; // The socket's own.
        if (value < least || value > MaxByte)
            return Errno.EINVAL;
        place = (byte)value;
        return Errno.Ok;
    }
}
