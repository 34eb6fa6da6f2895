using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets.Host;

/// <summary>
/// AF_INET, AF_INET6 and routing netlink by sockets of the host, in the network namespace the Sentry was started in:
/// what an engine or CNI has configured there is what the container has.
/// </summary>
internal sealed class HostFamily(int domain) : ISocketFamily
{
    private const int Icmp = 1, Icmp6 = 58, RouteNetlink = 0;

    public Result<Socket> Create(ICaller caller, NetworkStack stack, SocketKind type, int protocol, OpenFlags flags)
    {
        if (Check(type, protocol) is not Errno.Ok and Errno refused)
            return refused;
        if (HostInet.Create(domain, (int)type, protocol).Failed(out int fd, out Errno error))
            return error;
        int actual = protocol != 0 || domain == AddressFamily.Netlink ? protocol
            : type == SocketKind.Stream ? SocketLevel.Tcp : SocketLevel.Udp;
        HostInetSocket socket = domain == AddressFamily.Netlink
            ? new HostRouteSocket(type, stack, caller, flags, new HostFd(fd))
            : new HostInetSocket(domain, type, actual, stack, caller, flags, new HostFd(fd));
        if (socket.Start() is not Errno.Ok and Errno unwatched)
        {
            socket.Release();
            return unwatched;
        }

        return socket;
    }

    public Errno CreatePair(
        ICaller caller, NetworkStack stack, SocketKind type, int protocol, OpenFlags flags, out Socket? first,
        out Socket? second)
    {
        (first, second) = (null, null);
        return Errno.EOPNOTSUPP;
    }

    // Raw and packet sockets see other containers' traffic, or forge it: they are not for a sandbox.
    private Errno Check(SocketKind type, int protocol)
    {
        if (domain == AddressFamily.Netlink)
        {
            return type is not (SocketKind.Raw or SocketKind.Datagram) ? Errno.ESOCKTNOSUPPORT
                : protocol == RouteNetlink ? Errno.Ok : Errno.EPROTONOSUPPORT;
        }

        int ping = domain == AddressFamily.Inet ? Icmp : Icmp6;
        return (type, protocol) switch
        {
            (SocketKind.Stream, 0 or SocketLevel.Tcp) => Errno.Ok,
            (SocketKind.Datagram, 0 or SocketLevel.Udp) => Errno.Ok,
            (SocketKind.Datagram, _) when protocol == ping => Errno.Ok,
            (SocketKind.Raw, _) => Errno.EPERM,
            (SocketKind.Stream or SocketKind.Datagram, _) => Errno.EPROTONOSUPPORT,
            _ => Errno.ESOCKTNOSUPPORT,
        };
    }
}
