using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets.Netlink;

/// <summary>AF_NETLINK: routing questions, nothing else.</summary>
internal sealed class NetlinkFamily : ISocketFamily
{
    private const int Route = 0;

    public Result<Socket> Create(ICaller caller, NetworkStack stack, SocketKind type, int protocol, OpenFlags flags)
    {
        if (type is not (SocketKind.Raw or SocketKind.Datagram))
            return Errno.ESOCKTNOSUPPORT;
        return protocol == Route ? new NetlinkSocket(type, stack, caller, flags) : Errno.EPROTONOSUPPORT;
    }

    public Errno CreatePair(
        ICaller caller, NetworkStack stack, SocketKind type, int protocol, OpenFlags flags, out Socket? first, out Socket? second)
    {
        (first, second) = (null, null);
        return Errno.EOPNOTSUPP;
    }
}
