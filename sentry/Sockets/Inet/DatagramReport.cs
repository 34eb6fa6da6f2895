using System.Buffers.Binary;
using Sandbox.Sentry.Kernel.Timers;

namespace Sandbox.Sentry.Sockets.Inet;

/// <summary>Tells a receiver beside a datagram's bytes what its options ask for, in Linux's order.</summary>
internal static class DatagramReport
{
    private const int ReceiveTtl = 12, ReceiveTos = 13, OriginalDestination = 20, ReceivePacketInfo6 = 49,
        ReceiveHopLimit = 51,
        ReceiveTrafficClass = 66, OriginalDestination6 = 74;

    private const int TimeBytes = 16;

    public static void Add(
        ref AncillaryMessages messages, in DatagramHeader header, uint dropped, InetOptions inet, SocketOptions options,
        int domain)
    {
        AddTime(ref messages, header.Time, options);
        if (options.IsOn(SocketOption.ReceiveQueueOverflow) && dropped != 0)
            messages.Add(SocketLevel.Socket, (int)SocketOption.ReceiveQueueOverflow, (int)dropped);
        if (!inet.HasAny)
            return;
        if (domain == AddressFamily.Inet6)
            AddV6(ref messages, header, inet);
        if (header.Source.Address.IsV4)
            AddV4(ref messages, header, inet, domain);
    }

    private static void AddTime(ref AncillaryMessages messages, long time, SocketOptions options)
    {
        bool isMicroseconds = options.IsOn(SocketOption.Timestamp);
        if (!isMicroseconds && !options.IsOn(SocketOption.TimestampNanoseconds))
            return;
        if (time == 0)
            time = GuestClock.Now(GuestClock.Realtime);
        SocketOption type = isMicroseconds ? SocketOption.Timestamp : SocketOption.TimestampNanoseconds;
        Span<byte> data = messages.Place(SocketLevel.Socket, (int)type, TimeBytes);
        BinaryPrimitives.WriteInt64LittleEndian(data, time / 1_000_000_000);
        BinaryPrimitives.WriteInt64LittleEndian(
            data[sizeof(long)..], time % 1_000_000_000 / (isMicroseconds ? 1000 : 1));
    }

    private static void AddV4(ref AncillaryMessages messages, in DatagramHeader header, InetOptions inet, int domain)
    {
        if (inet[SocketLevel.Ip, NetworkControl.PacketInfo] != 0)
        {
            Span<byte> data = messages.Place(SocketLevel.Ip, NetworkControl.PacketInfo, NetworkControl.PacketInfoBytes);
            BinaryPrimitives.WriteInt32LittleEndian(data, header.Interface);
            BinaryPrimitives.WriteUInt32BigEndian(data[4..], header.Destination.Address.V4);
            BinaryPrimitives.WriteUInt32BigEndian(data[8..], header.Destination.Address.V4);
        }

        if (inet[SocketLevel.Ip, ReceiveTtl] != 0)
            messages.Add(SocketLevel.Ip, NetworkControl.Ttl, header.Ttl);
        if (inet[SocketLevel.Ip, ReceiveTos] != 0)
            messages.Add(SocketLevel.Ip, NetworkControl.TypeOfService, [header.TypeOfService]);
        if (inet[SocketLevel.Ip, OriginalDestination] != 0)
            messages.Add(SocketLevel.Ip, OriginalDestination, header.Destination.Format(AddressFamily.Inet).Bytes);
    }

    private static void AddV6(ref AncillaryMessages messages, in DatagramHeader header, InetOptions inet)
    {
        if (inet[SocketLevel.Ipv6, ReceivePacketInfo6] != 0)
        {
            Span<byte> data = messages.Place(
                SocketLevel.Ipv6, NetworkControl.PacketInfo6, NetworkControl.PacketInfo6Bytes);
            BinaryPrimitives.WriteUInt128BigEndian(data, header.Destination.Address.Value);
            BinaryPrimitives.WriteInt32LittleEndian(data[16..], header.Interface);
        }

        if (header.Source.Address.IsV4)
            return;
        if (inet[SocketLevel.Ipv6, ReceiveHopLimit] != 0)
            messages.Add(SocketLevel.Ipv6, NetworkControl.HopLimit, header.Ttl);
        if (inet[SocketLevel.Ipv6, ReceiveTrafficClass] != 0)
            messages.Add(SocketLevel.Ipv6, NetworkControl.TrafficClass, header.TypeOfService);
        if (inet[SocketLevel.Ipv6, OriginalDestination6] != 0)
            messages.Add(SocketLevel.Ipv6, OriginalDestination6, header.Destination.Format(AddressFamily.Inet6).Bytes);
    }
}
