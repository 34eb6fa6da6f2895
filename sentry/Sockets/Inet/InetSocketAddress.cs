using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Sentry.Network;

namespace Sandbox.Sentry.Sockets.Inet;

/// <summary>Endpoints as programs write them: struct sockaddr_in and sockaddr_in6.</summary>
internal static class InetSocketAddress
{
    private const int V4Bytes = 16, V6Bytes = 28, V6ShortBytes = 24;

    /// <summary>
    /// Takes a sockaddr_in or sockaddr_in6 apart. EINVAL if too short, EAFNOSUPPORT for another family.
    /// </summary>
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
            endpoint = new InetEndpoint(
                InetAddress.FromV4(BinaryPrimitives.ReadUInt32BigEndian(bytes[4..])), PortOf(bytes));
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
    public static SocketAddress Format(this InetEndpoint endpoint, int domain)
    {
        Span<byte> bytes = stackalloc byte[V6Bytes];
        bytes.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)domain);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], endpoint.Port);
        if (domain == AddressFamily.Inet)
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes[4..], endpoint.Address.V4);
            return new SocketAddress(bytes[..V4Bytes]);
        }

        BinaryPrimitives.WriteUInt128BigEndian(bytes[8..], endpoint.Address.Value);
        return new SocketAddress(bytes);
    }

    private static ushort PortOf(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
}
