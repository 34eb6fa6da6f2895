namespace Sandbox.Sentry.Network;

/// <summary>IFF_* flags of a network interface (netdevice(7)).</summary>
[Flags]
internal enum InterfaceFlags
{
    None = 0,
    Up = 0x1,
    Broadcast = 0x2,
    Loopback = 0x8,
    Running = 0x40,
    Multicast = 0x1000,
    LowerUp = 0x10000,
}

/// <summary>A network interface with its addresses. Immutable: a change makes another one of the same index.</summary>
internal sealed record Interface(int Index, string Name, InterfaceFlags Flags, int Mtu)
{
    public const int LoopbackIndex = 1, LoopbackMtu = 65536;

    /// <summary>ARPHRD_LOOPBACK, ARPHRD_ETHER.</summary>
    public const int LoopbackType = 772, EthernetType = 1;

    /// <summary>The MAC address; zero for the loopback.</summary>
    public HardwareAddress Hardware { get; init; }

    public InterfaceAddress[] Addresses { get; init; } = [];

    public bool IsUp => (Flags & InterfaceFlags.Up) != 0;

    public bool IsLoopback => (Flags & InterfaceFlags.Loopback) != 0;

    public int Type => IsLoopback ? LoopbackType : EthernetType;

    public static Interface NewLoopback => new(LoopbackIndex, "lo", InterfaceFlags.Loopback, LoopbackMtu);

    /// <summary>
    /// True if packets for that address are for this host. All of the loopback's IPv4 networks are (127.0.0.0/8).
    /// </summary>
    public bool IsLocal(InetAddress address)
    {
        if (!IsUp)
            return false;
        foreach (InterfaceAddress own in Addresses)
        {
            if (own.Address == address || (IsLoopback && address.IsV4 && own.Covers(address)))
                return true;
        }

        return false;
    }
}

/// <summary>One address of an interface.</summary>
internal readonly record struct InterfaceAddress(InetAddress Address, byte PrefixLength, AddressScope Scope)
{
    public bool Covers(InetAddress address) => Address.SharesPrefix(address, PrefixLength);
}

/// <summary>RT_SCOPE_*: how far an address or a route reaches.</summary>
internal enum AddressScope : byte
{
    Global = 0,
    Link = 253,
    Host = 254,
}

/// <summary>An Ethernet address.</summary>
internal readonly record struct HardwareAddress(ulong Value)
{
    public const int Bytes = 6;

    public static HardwareAddress Broadcast => new(0xFFFF_FFFF_FFFF);

    public static HardwareAddress From(ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        foreach (byte part in bytes[..Bytes])
            value = (value << 8) | part;
        return new HardwareAddress(value);
    }

    public void CopyTo(Span<byte> bytes)
    {
        for (int index = 0; index < Bytes; index++)
            bytes[index] = (byte)(Value >> (8 * (Bytes - 1 - index)));
    }
}
