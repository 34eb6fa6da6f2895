using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Timers;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Network;
using Sandbox.Sentry.Network.Tcp;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sockets.Host;
using Sandbox.Sentry.Sockets.Inet;
using Sandbox.Sentry.Sockets.Unix;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets;

/// <summary>What a network namespace has: abstract unix names, ports, and the sockets that /proc/net lists.</summary>
internal sealed class NetworkStack : INetworkStack, ITcpWire
{
    /// <summary>Sockets of one namespace; beyond it ENFILE.</summary>
    private const int MaxSockets = 1 << 18;

    private const int DefaultFirstUnprivileged = 1024;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    private readonly HashSet<Socket> _sockets = []; // Guarded by _lock.

    /// <summary>Its internet sockets are the host's.</summary>
    public bool IsHost { get; private init; }

    /// <summary>net.ipv4.ip_unprivileged_port_start: below it only CAP_NET_BIND_SERVICE binds.</summary>
    public int FirstUnprivilegedPort { get; set; } = DefaultFirstUnprivileged;

    /// <summary>Its interfaces and their addresses.</summary>
    public InterfaceTable Interfaces { get; private init; } = new(isLoopbackUp: true);

    /// <summary>The user namespace whose capabilities count here.</summary>
    public UserNamespace Owner { get; private init; } = UserNamespace.Root;

    /// <summary>Abstract names of AF_UNIX sockets (unix(7)).</summary>
    public UnixNames UnixNames { get; } = new();

    public TcpLayer Tcp { get; }

    public PortTable UdpPorts { get; } = new();

    public GroupTable Groups { get; } = new();

    public NetworkStack(TimerQueue timers) => Tcp = new TcpLayer(new KernelClock(timers), this);

    /// <summary>The stack of a namespace, made at first use.</summary>
    public static NetworkStack Of(NetworkNamespace space, TimerQueue timers)
    {
        if (space.Stack is NetworkStack stack)
            return stack;
        // Only now: an engine configures a new namespace after the Sentry has started and before the container does.
        bool isHost = space.Host == HostNetwork.Always
            || (space.Host == HostNetwork.WhenConfigured && HostInterfaces.HasNetwork());
        NetworkStack made = new(timers)
        {
            IsHost = isHost, FirstUnprivilegedPort = space.FirstUnprivilegedPort
                ?? DefaultFirstUnprivileged, Owner = space.Owner,
            Interfaces = new InterfaceTable(space.IsLoopbackUp),
        };
        return Interlocked.CompareExchange(ref space.Stack, made, null) as NetworkStack ?? made;
    }

    /// <summary>bind(2)'s checks that need no table of ports: EADDRNOTAVAIL, EACCES.</summary>
    public Errno CheckBind(ICaller caller, InetEndpoint endpoint)
    {
        if (!Interfaces.MayBind(endpoint.Address))
            return Errno.EADDRNOTAVAIL;
        return MayBind(caller.Credentials, endpoint.Port) ? Errno.Ok : Errno.EACCES;
    }

    TcpPath ITcpWire.PathTo(InetAddress address) => new(Interface.LoopbackMtu, IsLocal: true);

    void ITcpWire.Send(
        in TcpHeader header, InetAddress source, InetAddress destination, byte ttl, byte typeOfService,
        SliceQueue? queue, int offset,
        int length)
    {
        // There is no interface beyond the loopback, whose segments are handed over: nothing can get here.
    }

    /// <summary>May a holder of these credentials bind that port?</summary>
    public bool MayBind(Credentials credentials, ushort port) =>
        port == 0 || port >= FirstUnprivilegedPort || credentials.Has(Capability.NetBindService, Owner);

    /// <summary>Charges for a new socket and lists it; false if there are too many.</summary>
    public bool TryAdd(Socket socket)
    {
        if (!socket.Account.TryChargeObject(ObjectCost.Socket))
            return false;
        using (_lock.Enter())
        {
            if (_sockets.Count < MaxSockets && _sockets.Add(socket))
                return true;
        }

        socket.Account.ReturnObject(ObjectCost.Socket);
        return false;
    }

    /// <summary>The socket is gone, and what <see cref="TryAdd"/> charged for it.</summary>
    public void Remove(Socket socket)
    {
        using (_lock.Enter())
        {
            if (!_sockets.Remove(socket))
                return;
        }

        socket.Account.ReturnObject(ObjectCost.Socket);
    }

    /// <summary>The sockets of one kind, in the order they were made.</summary>
    public List<T> Collect<T>()
        where T : Socket
    {
        List<T> found = [];
        using (_lock.Enter())
        {
            foreach (Socket socket in _sockets)
            {
                if (socket is T wanted)
                    found.Add(wanted);
            }
        }

        found.Sort(static (a, b) => a.Inode.Number.CompareTo(b.Inode.Number));
        return found;
    }
}
