using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Sentry.Network;

namespace Sandbox.Sentry.Sockets.Inet;

/// <summary>What became of a datagram (struct sock_extended_err): who says so by which ICMP message.</summary>
/// <param name="Error">As the next call on the socket fails.</param>
/// <param name="Origin">ICMP of which family, or the sandbox itself.</param>
/// <param name="Type">The type of the ICMP message.</param>
/// <param name="Code">Its code.</param>
/// <param name="Information">The next hop's MTU, for a datagram too big.</param>
/// <param name="Offender">Who sent the ICMP message.</param>
/// <param name="Destination">Where the datagram was for.</param>
internal readonly record struct NetworkError(
    Errno Error, ErrorOrigin Origin, byte Type, byte Code, uint Information, InetAddress Offender,
    InetEndpoint Destination)
{
    private const int ErrorBytes = 16, ReceiveError = 11, ReceiveError6 = 25;

    /// <summary>The datagram itself.</summary>
    public Datagram Datagram { get; init; }

    /// <summary>Nobody has the port: ICMP destination unreachable.</summary>
    public static NetworkError PortUnreachable(InetAddress offender, InetEndpoint destination) =>
        destination.Address.IsV4
        ? new NetworkError(Errno.ECONNREFUSED, ErrorOrigin.Icmp, 3, 3, 0, offender, destination)
        : new NetworkError(Errno.ECONNREFUSED, ErrorOrigin.Icmp6, 1, 4, 0, offender, destination);

    /// <summary>As MSG_ERRQUEUE gives it: the error, then the offender's address without a port.</summary>
    public void AddTo(ref AncillaryMessages messages, int domain)
    {
        SocketAddress offender = new InetEndpoint(Offender, 0).Format(domain);
        Span<byte> data = domain == AddressFamily.Inet
            ? messages.Place(SocketLevel.Ip, ReceiveError, ErrorBytes + offender.Bytes.Length)
            : messages.Place(SocketLevel.Ipv6, ReceiveError6, ErrorBytes + offender.Bytes.Length);
        BinaryPrimitives.WriteInt32LittleEndian(data, (int)Error);
        (data[4], data[5], data[6]) = ((byte)Origin, Type, Code);
        BinaryPrimitives.WriteUInt32LittleEndian(data[8..], Information);
        offender.Bytes.CopyTo(data[ErrorBytes..]);
    }
}

/// <summary>SO_EE_ORIGIN_*.</summary>
internal enum ErrorOrigin : byte
{
    None = 0,
    Local = 1,
    Icmp = 2,
    Icmp6 = 3,
}
