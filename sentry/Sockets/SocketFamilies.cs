using Sandbox.Linux;
using Sandbox.Sentry.Sockets.Host;
using Sandbox.Sentry.Sockets.Inet;
using Sandbox.Sentry.Sockets.Netlink;
using Sandbox.Sentry.Sockets.Unix;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets;

/// <summary>
/// Makes the sockets of one address family. What a family does behind its sockets (a loopback in the Sentry, sockets of
/// the host, a TCP/IP stack) is its own affair: a network mode is a choice of families.
/// </summary>
internal interface ISocketFamily
{
    /// <summary>A new socket. ESOCKTNOSUPPORT, EPROTONOSUPPORT, EPERM (raw sockets), ENFILE.</summary>
    Result<Socket> Create(ICaller caller, NetworkStack stack, SocketKind type, int protocol, OpenFlags flags);

    /// <summary>Two connected sockets (socketpair(2)). EOPNOTSUPP for most families.</summary>
    Errno CreatePair(
        ICaller caller, NetworkStack stack, SocketKind type, int protocol, OpenFlags flags, out Socket? first,
        out Socket? second);
}

/// <summary>
/// Without a network a namespace has unix sockets, the loopback, and netlink to ask about it; with the host's, the host
/// makes all but the unix sockets.
/// </summary>
internal static class SocketFamilies
{
    private static readonly UnixFamily _unix = new();
    private static readonly InetFamily _inet = new(AddressFamily.Inet);
    private static readonly InetFamily _inet6 = new(AddressFamily.Inet6);
    private static readonly NetlinkFamily _netlink = new();

    private static readonly HostFamily _hostInet = new(AddressFamily.Inet);
    private static readonly HostFamily _hostInet6 = new(AddressFamily.Inet6);
    private static readonly HostFamily _hostNetlink = new(AddressFamily.Netlink);

    /// <summary>EAFNOSUPPORT.</summary>
    public static Result<ISocketFamily> Of(int domain, NetworkStack stack) => domain switch
    {
        AddressFamily.Unix => Result<ISocketFamily>.Of(_unix),
        AddressFamily.Inet when stack.IsHost => Result<ISocketFamily>.Of(_hostInet),
        AddressFamily.Inet6 when stack.IsHost => Result<ISocketFamily>.Of(_hostInet6),
        AddressFamily.Netlink when stack.IsHost => Result<ISocketFamily>.Of(_hostNetlink),
        AddressFamily.Inet => Result<ISocketFamily>.Of(_inet),
        AddressFamily.Inet6 => Result<ISocketFamily>.Of(_inet6),
        AddressFamily.Netlink => Result<ISocketFamily>.Of(_netlink),
        _ => Errno.EAFNOSUPPORT,
    };
}
