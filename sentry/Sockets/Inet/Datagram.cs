using System.Buffers;
using Sandbox.Sentry.Network;

namespace Sandbox.Sentry.Sockets.Inet;

/// <summary>A datagram as it arrived, in a rented array that belongs to whoever holds the value.</summary>
internal readonly record struct Datagram(byte[] Bytes, int Length, DatagramHeader Header)
{
    public ReadOnlySpan<byte> Data => Bytes.AsSpan(0, Length);

    public static Datagram Copy(ReadOnlySpan<byte> data, in DatagramHeader header)
    {
        byte[] bytes = data.IsEmpty ? [] : ArrayPool<byte>.Shared.Rent(data.Length);
        data.CopyTo(bytes);
        return new Datagram(bytes, data.Length, header);
    }

    public void Drop()
    {
        if (Bytes.Length > 0)
            ArrayPool<byte>.Shared.Return(Bytes);
    }
}

/// <summary>What the network knows of a datagram.</summary>
/// <param name="Source">Who sent it.</param>
/// <param name="Destination">Where to.</param>
/// <param name="Ttl">Time to live or hop limit.</param>
/// <param name="TypeOfService">Type of service or traffic class.</param>
/// <param name="Interface">The index of the interface it came in by.</param>
/// <param name="Time">When, in nanoseconds of CLOCK_REALTIME.</param>
internal readonly record struct DatagramHeader(
    InetEndpoint Source, InetEndpoint Destination, byte Ttl, byte TypeOfService, int Interface, long Time);
