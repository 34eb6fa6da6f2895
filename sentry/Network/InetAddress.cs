using System.Buffers.Binary;

namespace Sandbox.Sentry.Network;

/// <summary>
/// An IPv6 address, or an IPv4 address mapped into it (::ffff:a.b.c.d), so that both families compare as one.
/// </summary>
internal readonly record struct InetAddress(UInt128 Value)
{
    private const ulong MappedPrefix = 0xFFFF_0000_0000;

    public static InetAddress AnyV4 => FromV4(0);

    public static InetAddress AnyV6 => default;

    public static InetAddress LoopbackV4 => FromV4(0x7F000001);

    public static InetAddress LoopbackV6 => new(UInt128.One);

    public bool IsV4 => (Value >> 32) == MappedPrefix >> 32;

    /// <summary>The IPv4 address in host order.</summary>
    public uint V4 => (uint)Value;

    /// <summary>224.0.0.0/4 or ff00::/8.</summary>
    public bool IsMulticast => IsV4 ? V4 >> 28 == 0xE : (byte)(Value >> 120) == 0xFF;

    /// <summary>fe80::/10.</summary>
    public bool IsLinkLocal => !IsV4 && (ushort)(Value >> 118) == 0xFE80 >> 6;

    public bool IsAny => this == AnyV4 || this == AnyV6;

    /// <summary>127.0.0.0/8 or ::1: the host itself.</summary>
    public bool IsLoopback => IsV4 ? V4 >> 24 == 127 : this == LoopbackV6;

    public static InetAddress FromV4(uint address) => new(MappedPrefix | address);

    /// <summary>Its bytes as they are on the wire: 4 or 16.</summary>
    public static InetAddress FromBytes(ReadOnlySpan<byte> bytes) => bytes.Length == sizeof(uint)
        ? FromV4(BinaryPrimitives.ReadUInt32BigEndian(bytes))
        : new InetAddress(BinaryPrimitives.ReadUInt128BigEndian(bytes));

    /// <summary>Writes it as it is on the wire and gives the bytes written.</summary>
    public int CopyTo(Span<byte> bytes)
    {
        if (IsV4)
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes, V4);
            return sizeof(uint);
        }

        BinaryPrimitives.WriteUInt128BigEndian(bytes, Value);
        return 16;
    }

    /// <summary>
    /// True if the first bits of both are the same; of the 32 or the 128 bits of the family they share.
    /// </summary>
    public bool SharesPrefix(InetAddress other, int bits) =>
        IsV4 == other.IsV4 && (bits == 0 || (Value ^ other.Value) >> ((IsV4 ? 32 : 128) - bits) == 0);
}
