namespace Sandbox.Sentry.Network;

/// <summary>An address and a port (ip(7), ipv6(7)).</summary>
internal readonly record struct InetEndpoint(InetAddress Address, ushort Port)
{
    /// <summary>Where a packet to this address really goes: the unspecified address means this host.</summary>
    public InetEndpoint ResolveAny() => this with
    {
        Address = Address == InetAddress.AnyV4 ? InetAddress.LoopbackV4
            : Address == InetAddress.AnyV6 ? InetAddress.LoopbackV6
            : Address,
    };
}
