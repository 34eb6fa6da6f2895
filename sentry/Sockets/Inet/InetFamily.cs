using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets.Inet;

/// <summary>AF_INET or AF_INET6 over the sandbox's own loopback: everything else is unreachable.</summary>
internal sealed class InetFamily(int domain) : ISocketFamily
{
    public Result<Socket> Create(ICaller caller, NetworkStack stack, SocketKind type, int protocol, OpenFlags flags)
    {
        Socket socket;
        bool isListed;
        switch (type, protocol)
        {
            case (SocketKind.Stream, 0 or SocketLevel.Tcp):
                TcpSocket tcp = new(domain, stack, caller, flags);
                (socket, isListed) = (tcp, tcp.List());
                break;
            case (SocketKind.Datagram, 0 or SocketLevel.Udp):
                UdpSocket udp = new(domain, stack, caller, flags);
                (socket, isListed) = (udp, udp.List());
                break;
            case (SocketKind.Raw, _):
                return Errno.EPERM;
            case (SocketKind.Stream or SocketKind.Datagram, _):
                return Errno.EPROTONOSUPPORT;
            default:
                return Errno.ESOCKTNOSUPPORT;
        }

        if (isListed)
            return socket;
        socket.Release();
        return Errno.ENFILE;
    }

    public Errno CreatePair(
        ICaller caller, NetworkStack stack, SocketKind type, int protocol, OpenFlags flags, out Socket? first,
        out Socket? second)
    {
        (first, second) = (null, null);
        return Errno.EOPNOTSUPP;
    }
}
