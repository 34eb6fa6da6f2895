using Sandbox.Linux;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Network;

/// <summary>
/// The interfaces of a network namespace and their addresses: what netlink, /proc/net and the interface ioctls show,
/// and what decides which addresses are this host's. Readers take a snapshot, without a lock.
/// </summary>
internal sealed class InterfaceTable
{
    /// <summary>Addresses of one interface; more are refused (ENOBUFS).</summary>
    private const int MaxAddresses = 1024;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    private volatile Interface[] _all; // Replaced as a whole, under _lock.

    /// <summary>
    /// With a loopback: ready, as a runtime leaves it for a container, or down, as unshare(2) makes it.
    /// </summary>
    public InterfaceTable(bool isLoopbackUp)
    {
        _all = [Interface.NewLoopback];
        if (isLoopbackUp)
            SetUp(Interface.LoopbackIndex, true);
    }

    public ReadOnlySpan<Interface> All => _all;

    public Interface? Find(int index)
    {
        foreach (Interface each in _all)
        {
            if (each.Index == index)
                return each;
        }

        return null;
    }

    public Interface? Find(ReadOnlySpan<byte> name)
    {
        foreach (Interface each in _all)
        {
            if (System.Text.Ascii.Equals(name, each.Name))
                return each;
        }

        return null;
    }

    /// <summary>True if packets for that address are for this host.</summary>
    public bool IsLocal(InetAddress address)
    {
        foreach (Interface each in _all)
        {
            if (each.IsLocal(address))
                return true;
        }

        return false;
    }

    /// <summary>The interface whose address that is, or null.</summary>
    public Interface? FindByAddress(InetAddress address)
    {
        foreach (Interface each in _all)
        {
            if (each.IsLocal(address))
                return each;
        }

        return null;
    }

    /// <summary>
    /// The address this host talks from to one of its own: that one, or for another of 127.0.0.0/8 the loopback's.
    /// </summary>
    public InetAddress SourceForLocal(InetAddress address)
    {
        foreach (Interface each in _all)
        {
            foreach (InterfaceAddress own in each.Addresses)
            {
                if (own.Address != address && each.IsLoopback && address.IsV4 && own.Covers(address))
                    return own.Address;
            }
        }

        return address;
    }

    /// <summary>True if a socket may be bound to it.</summary>
    public bool MayBind(InetAddress address) => address.IsAny || address.IsMulticast || IsLocal(address);

    /// <summary>
    /// Brings an interface up or down. The loopback gets its addresses with the first, as on Linux. ENODEV.
    /// </summary>
    public Errno SetUp(int index, bool isUp) => Change(index, one =>
    {
        InterfaceFlags flags = isUp
            ? one.Flags | InterfaceFlags.Up | InterfaceFlags.Running | InterfaceFlags.LowerUp
            : one.Flags & ~(InterfaceFlags.Up | InterfaceFlags.Running | InterfaceFlags.LowerUp);
        Interface changed = one with { Flags = flags };
        if (!isUp || !one.IsLoopback)
            return changed;
        changed = WithAddress(changed, new InterfaceAddress(InetAddress.LoopbackV4, 8, AddressScope.Host));
        return WithAddress(changed, new InterfaceAddress(InetAddress.LoopbackV6, 128, AddressScope.Host));
    });

    /// <summary>Adds an address. EEXIST, ENODEV, ENOBUFS.</summary>
    public Errno AddAddress(int index, InterfaceAddress address)
    {
        Errno error = Errno.Ok;
        Errno missing = Change(index, one =>
        {
            Interface changed = WithAddress(one, address);
            error = ReferenceEquals(changed, one)
                ? Errno.EEXIST
                : one.Addresses.Length >= MaxAddresses ? Errno.ENOBUFS : Errno.Ok;
            return error == Errno.Ok ? changed : one;
        });
        return missing != Errno.Ok ? missing : error;
    }

    /// <summary>Takes an address away. EADDRNOTAVAIL, ENODEV.</summary>
    public Errno RemoveAddress(int index, InetAddress address, byte prefixLength)
    {
        Errno error = Errno.EADDRNOTAVAIL;
        Errno missing = Change(index, one =>
        {
            InterfaceAddress[] left = Array.FindAll(
                one.Addresses, each => each.Address != address || each.PrefixLength != prefixLength);
            if (left.Length != one.Addresses.Length)
                error = Errno.Ok;
            return one with { Addresses = left };
        });
        return missing != Errno.Ok ? missing : error;
    }

    private static Interface WithAddress(Interface one, InterfaceAddress address)
    {
        foreach (InterfaceAddress each in one.Addresses)
        {
            if (each.Address == address.Address && (!address.Address.IsV4 || each.PrefixLength == address.PrefixLength))
                return one;
        }

        return one with { Addresses = [.. one.Addresses, address] };
    }

    private Errno Change(int index, Func<Interface, Interface> change)
    {
        using (_lock.Enter())
        {
            int place = Array.FindIndex(_all, each => each.Index == index);
            if (place < 0)
                return Errno.ENODEV;
            Interface[] changed = (Interface[])_all.Clone();
            changed[place] = change(changed[place]);
            _all = changed;
            return Errno.Ok;
        }
    }
}
