using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Network;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Sockets.Inet;

/// <summary>
/// The multicast groups that a socket has joined, and the interface by which it sends to groups (ip(7), ipv6(7)).
/// </summary>
internal sealed class MulticastOptions(InterfaceTable interfaces, GroupTable groups, MemoryAccount account)
{
    /// <summary>IP_MULTICAST_ALL, IPV6_MULTICAST_ALL: also what others have joined is received.</summary>
    public const int All = 49, All6 = 29;

    private const int InterfaceOption = 32, Ttl = 33, Add = 35, Drop = 36;
    private const int InterfaceOption6 = 17, Join6 = 20, Leave6 = 21;
    private const int AddressBytes = 4, Address6Bytes = 16, RequestBytes = 8, IndexedRequestBytes = 12;

    /// <summary>igmp_max_memberships; IPv6 has no such number, and 64 here.</summary>
    private const int MaxJoined = 20, MaxJoined6 = 64;

    private readonly RankedLock _lock = new(LockRank.Socket);
    private readonly List<(InetAddress Group, int Interface)> _joined = []; // Guarded by _lock.

    /// <summary>IP_MULTICAST_IF's address; unspecified for none.</summary>
    public InetAddress Source { get; private set; } = InetAddress.AnyV4;

    private int Interface4 { get; set; }

    private int Interface6 { get; set; }

    /// <summary>The interface to send by to groups of one family; 0 for the route's.</summary>
    public int InterfaceFor(InetAddress group) => group.IsV4 ? Interface4 : Interface6;

    /// <summary>What a stream socket says to these options; null if it is none of them.</summary>
    public static Errno? RefuseForStream(int level, int name) => (level, name) switch
    {
        (SocketLevel.Ip, Add or Drop) or (SocketLevel.Ipv6, Join6 or Leave6) => Errno.EPROTO,
        (SocketLevel.Ip, InterfaceOption or Ttl) => Errno.EINVAL,
        (SocketLevel.Ipv6, InterfaceOption6) => Errno.ENOPROTOOPT,
        _ => null,
    };

    /// <summary>setsockopt(2); null if the option is none of these.</summary>
    public Errno? Set(int level, int name, ReadOnlySpan<byte> value) => (level, name) switch
    {
        (SocketLevel.Ip, InterfaceOption) => SetInterface(value),
        (SocketLevel.Ip, Add) => Change(value, isJoin: true),
        (SocketLevel.Ip, Drop) => Change(value, isJoin: false),
        (SocketLevel.Ipv6, InterfaceOption6) => SetInterface6(value),
        (SocketLevel.Ipv6, Join6) => Change6(value, isJoin: true),
        (SocketLevel.Ipv6, Leave6) => Change6(value, isJoin: false),
        _ => null,
    };

    /// <summary>getsockopt(2); null if the option is none of these.</summary>
    public Result<int>? Get(int level, int name, Span<byte> value)
    {
        switch (level, name)
        {
            case (SocketLevel.Ip, InterfaceOption):
                return Source.CopyTo(value);
            case (SocketLevel.Ipv6, InterfaceOption6):
                return SocketOptions.PutInt(value, Interface6);
            default:
                return null;
        }
    }

    /// <summary>True if it is a member of the group on that interface.</summary>
    public bool IsMember(InetAddress group, int index)
    {
        using (_lock.Enter())
            return _joined.Contains((group, index));
    }

    /// <summary>The socket is gone.</summary>
    public void LeaveAll()
    {
        using (_lock.Enter())
        {
            foreach ((InetAddress group, int index) in _joined)
                Forget(group, index);
            _joined.Clear();
        }
    }

    // struct in_addr, ip_mreq or ip_mreqn, by their length.
    private Errno SetInterface(ReadOnlySpan<byte> value)
    {
        if (value.Length < AddressBytes)
            return Errno.EINVAL;
        ReadOnlySpan<byte> place = value.Length >= RequestBytes ? value[AddressBytes..] : value;
        InetAddress address = InetAddress.FromBytes(place[..AddressBytes]);
        int index = IndexIn(value);
        if (index == 0 && !address.IsAny)
            index = interfaces.FindByAddress(address)?.Index ?? -1;
        if (index != 0 && interfaces.Find(index) is null)
            return Errno.EADDRNOTAVAIL;
        (Interface4, Source) = (index, address);
        return Errno.Ok;
    }

    private Errno SetInterface6(ReadOnlySpan<byte> value)
    {
        if (value.Length < sizeof(int))
            return Errno.EINVAL;
        int index = BinaryPrimitives.ReadInt32LittleEndian(value);
        if (index != 0 && interfaces.Find(index) is null)
            return Errno.ENODEV;
        Interface6 = index;
        return Errno.Ok;
    }

    private Errno Change(ReadOnlySpan<byte> value, bool isJoin)
    {
        if (value.Length < RequestBytes)
            return Errno.EINVAL;
        InetAddress group = InetAddress.FromBytes(value[..AddressBytes]);
        InetAddress local = InetAddress.FromBytes(value.Slice(AddressBytes, AddressBytes));
        if (!group.IsMulticast)
            return isJoin ? Errno.EINVAL : Errno.EADDRNOTAVAIL;
        int index = IndexIn(value);
        Interface? found = index != 0
            ? interfaces.Find(index)
            : local.IsAny ? null : interfaces.FindByAddress(local); // No route leads to a group.
        if (found is null)
            return isJoin || (index == 0 && local.IsAny) ? Errno.ENODEV : Errno.EADDRNOTAVAIL;
        return isJoin ? Join(group, found.Index, MaxJoined) : Leave(group, found.Index);
    }

    // struct ipv6_mreq.
    private Errno Change6(ReadOnlySpan<byte> value, bool isJoin)
    {
        if (value.Length < Address6Bytes + sizeof(int))
            return Errno.EINVAL;
        InetAddress group = InetAddress.FromBytes(value[..Address6Bytes]);
        int index = BinaryPrimitives.ReadInt32LittleEndian(value[Address6Bytes..]);
        if (!group.IsMulticast || group.IsV4)
            return Errno.EINVAL;
        if (interfaces.Find(index) is null)
            return Errno.ENODEV;
        return isJoin ? Join(group, index, MaxJoined6) : Leave(group, index);
    }

    private static int IndexIn(ReadOnlySpan<byte> value) =>
        value.Length >= IndexedRequestBytes ? BinaryPrimitives.ReadInt32LittleEndian(value[RequestBytes..]) : 0;

    private Errno Join(InetAddress group, int index, int most)
    {
        using (_lock.Enter())
        {
            if (_joined.Contains((group, index)))
                return Errno.EADDRINUSE;
            if (_joined.FindAll(joined => joined.Group.IsV4 == group.IsV4).Count >= most
                || !account.TryChargeObject(ObjectCost.Membership))
                return Errno.ENOBUFS;
            _joined.Add((group, index));
            groups.Join(group, index);
            return Errno.Ok;
        }
    }

    private Errno Leave(InetAddress group, int index)
    {
        using (_lock.Enter())
        {
            if (!_joined.Remove((group, index)))
                return Errno.EADDRNOTAVAIL;
            Forget(group, index);
            return Errno.Ok;
        }
    }

    private void Forget(InetAddress group, int index)
    {
        groups.Leave(group, index);
        account.ReturnObject(ObjectCost.Membership);
    }
}
