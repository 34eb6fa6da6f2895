using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets.Unix;

/// <summary>
/// The name of one unix socket: none, abstract, or a node in a filesystem. Its socket's lock guards changes.
/// </summary>
internal sealed class UnixBinding(Socket socket)
{
    private UnixAddressKind _kind;
    private byte[] _name = [];
    private Inode? _node;

    /// <summary>getsockname(2). Replaced as a whole.</summary>
    public SocketAddress Address { get; private set; } = SocketAddress.OfFamily(AddressFamily.Unix);

    public bool IsBound => _kind != UnixAddressKind.Unnamed;

    /// <summary>The name as /proc/net/unix shows it: '@' for an abstract one's NUL.</summary>
    public byte[] DisplayName => _kind == UnixAddressKind.Abstract ? [(byte)'@', .. _name] : _name;

    /// <summary>bind(2): EINVAL if bound already, EADDRINUSE, and what making a node answers.</summary>
    public Errno Bind(ICaller caller, SocketAddress address)
    {
        if (UnixAddress.Parse(address, out UnixAddress parsed) is not Errno.Ok and Errno error)
            return error;
        if (IsBound)
            return parsed.Kind == UnixAddressKind.Unnamed ? Errno.Ok : Errno.EINVAL;
        switch (parsed.Kind)
        {
            case UnixAddressKind.Unnamed:
                return BindAutomatically();
            case UnixAddressKind.Abstract:
                if (socket.Stack.UnixNames.Add(parsed.Name, socket) is not Errno.Ok and Errno inUse)
                    return inUse;
                break;
            default:
                if (UnixPaths.Create(caller, parsed.Name, socket).Failed(out _node, out error))
                    return error == Errno.EEXIST ? Errno.EADDRINUSE : error;
                break;
        }

        Set(parsed.Kind, parsed.Name.ToArray());
        return Errno.Ok;
    }

    /// <summary>Gives the socket a name of the kernel's choice (unix(7), autobind).</summary>
    public Errno BindAutomatically()
    {
        if (IsBound)
            return Errno.Ok;
        if (socket.Stack.UnixNames.AddAutomatic(socket).Failed(out byte[]? name, out Errno error))
            return error;
        Set(UnixAddressKind.Abstract, name);
        return Errno.Ok;
    }

    /// <summary>An accepted connection has its listener's name, without owning it.</summary>
    public void ShowAs(UnixBinding listener) => Address = listener.Address;

    /// <summary>The socket is closed: an abstract name is free again, a node stays and refuses connections.</summary>
    public void Release()
    {
        if (_kind == UnixAddressKind.Abstract)
            socket.Stack.UnixNames.Remove(_name);
        if (_node is not null)
            Interlocked.CompareExchange(ref _node.Endpoint, null, socket);
    }

    /// <summary>
    /// The socket an address names, with a reference for the caller. ECONNREFUSED, ENOENT, EACCES, EINVAL.
    /// </summary>
    public static Result<Socket> Find(ICaller caller, NetworkStack stack, SocketAddress address)
    {
        if (UnixAddress.Parse(address, out UnixAddress parsed) is not Errno.Ok and Errno error)
            return error;
        return parsed.Kind switch
        {
            UnixAddressKind.Abstract => stack.UnixNames.Find(parsed.Name),
            UnixAddressKind.Path => UnixPaths.Find(caller, parsed.Name),
            _ => Errno.EINVAL,
        };
    }

    private void Set(UnixAddressKind kind, byte[] name)
    {
        (_name, Address) = (name, UnixAddress.Format(kind, name));
        _kind = kind;
    }
}
