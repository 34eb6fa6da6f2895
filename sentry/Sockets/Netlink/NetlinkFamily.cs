using Sandbox.Linux;
using Sandbox.Sentry.Memory;
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
        if (protocol != Route)
            return Errno.EPROTONOSUPPORT;
        return caller.Account.TryChargeObject(ObjectCost.Socket)
            ? new NetlinkSocket(type, stack, caller, flags)
            : Errno.ENOMEM;
    }

    public Errno CreatePair(
        ICaller caller, NetworkStack stack, SocketKind type, int protocol, OpenFlags flags, out Socket? first,
        out Socket? second)
    {
        (first, second) = (null, null);
        return Errno.EOPNOTSUPP;
    }
}
