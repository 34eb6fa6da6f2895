using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets.Unix;

/// <summary>AF_UNIX.</summary>
internal sealed class UnixFamily : ISocketFamily
{
    public Result<Socket> Create(ICaller caller, NetworkStack stack, SocketKind type, int protocol, OpenFlags flags)
    {
        if (protocol is not (0 or AddressFamily.Unix))
            return Errno.EPROTONOSUPPORT;
        Socket socket;
        bool isListed;
        switch (type)
        {
            case SocketKind.Stream or SocketKind.SequentialPacket:
                UnixConnectionSocket connection = new(type, stack, caller, flags);
                (socket, isListed) = (connection, connection.List());
                break;
            case SocketKind.Datagram or SocketKind.Raw: // Linux takes raw for datagram here.
                UnixDatagramSocket datagram = new(stack, caller, flags);
                (socket, isListed) = (datagram, datagram.List());
                break;
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
        second = null;
        if (Create(caller, stack, type, protocol, flags).Failed(out first, out Errno error))
            return error;
        if (Create(caller, stack, type, protocol, flags).Failed(out second, out error))
        {
            first.Release();
            return error;
        }

        if (first is UnixConnectionSocket one && second is UnixConnectionSocket two)
            UnixConnectionSocket.Pair(one, two);
        else
            UnixDatagramSocket.Pair((UnixDatagramSocket)first, (UnixDatagramSocket)second);
        return Errno.Ok;
    }
}
