using System.Buffers.Binary;
using Sandbox.Linux;

namespace Sandbox.Sentry.Sockets.Inet;

/// <summary>An IPv6 address, or an IPv4 address mapped into it (::ffff:a.b.c.d), so that both families compare as one.</summary>
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

    public bool IsAny => this == AnyV4 || this == AnyV6;

    /// <summary>127.0.0.0/8 or ::1: all that a sandbox without a network can reach.</summary>
    public bool IsLoopback => IsV4 ? V4 >> 24 == 127 : this == LoopbackV6;

    public static InetAddress FromV4(uint address) => new(MappedPrefix | address);
}

/// <summary>An address and a port (ip(7), ipv6(7)).</summary>
internal readonly record struct InetEndpoint(InetAddress Address, ushort Port)
{
    private const int V4Bytes = 16, V6Bytes = 28, V6ShortBytes = 24;

    /// <summary>Takes a sockaddr_in or sockaddr_in6 apart. EINVAL if too short, EAFNOSUPPORT for another family.</summary>
    public static Errno Parse(SocketAddress address, int domain, out InetEndpoint endpoint)
    {
        endpoint = default;
        ReadOnlySpan<byte> bytes = address.Bytes;
        if (domain == AddressFamily.Inet)
        {
            if (bytes.Length < V4Bytes)
                return Errno.EINVAL;
            if (address.Family != AddressFamily.Inet)
                return Errno.EAFNOSUPPORT;
            endpoint = new InetEndpoint(InetAddress.FromV4(BinaryPrimitives.ReadUInt32BigEndian(bytes[4..])), PortOf(bytes));
            return Errno.Ok;
        }

        if (address.Family == AddressFamily.Inet && bytes.Length >= V4Bytes)
            return Parse(address, AddressFamily.Inet, out endpoint); // sendto(2) on an IPv6 socket takes both.
        if (bytes.Length < V6ShortBytes)
            return Errno.EINVAL;
        if (address.Family != AddressFamily.Inet6)
            return Errno.EAFNOSUPPORT;
        endpoint = new InetEndpoint(new InetAddress(BinaryPrimitives.ReadUInt128BigEndian(bytes[8..])), PortOf(bytes));
        return Errno.Ok;
    }

    /// <summary>As a socket of that family shows it.</summary>
    public SocketAddress Format(int domain)
    {
        Span<byte> bytes = stackalloc byte[V6Bytes];
        bytes.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)domain);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], Port);
        if (domain == AddressFamily.Inet)
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes[4..], Address.V4);
            return new SocketAddress(bytes[..V4Bytes]);
        }

        BinaryPrimitives.WriteUInt128BigEndian(bytes[8..], Address.Value);
        return new SocketAddress(bytes);
    }

    /// <summary>Where a packet to this address really goes: the unspecified address means this host.</summary>
    public InetEndpoint ResolveAny() => this with
    {
        Address = Address == InetAddress.AnyV4 ? InetAddress.LoopbackV4
            : Address == InetAddress.AnyV6 ? InetAddress.LoopbackV6
            : Address,
    };

    private static ushort PortOf(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
}
