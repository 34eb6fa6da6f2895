using Sandbox.Linux;
using Sandbox.Sentry.Network;

namespace Sandbox.Sentry.Sockets.Inet;

/// <summary>Datagrams to multicast groups: by which interface they go, and who gets them.</summary>
internal sealed partial class UdpSocket
{
    /// <summary>Receivers of one datagram; a group has no more here.</summary>
    private const int MaxReceivers = 1024;

    [ThreadStatic]
    private static List<IPortUser>? _receivers;

    private readonly MulticastOptions _multicast;

    /// <summary>By which interface a datagram goes, and from which address. ENETUNREACH.</summary>
    private Errno RouteTo(InetEndpoint target, in DatagramControl said, out int index, out InetAddress source)
    {
        bool isOwn = !_local.Address.IsAny && !_local.Address.IsMulticast;
        source = !said.Source.IsAny ? said.Source : isOwn ? _local.Address : AnyAddress;
        index = Interface.LoopbackIndex;
        if (IsV6Only && target.Address.IsV4)
            return Errno.ENETUNREACH;
        if (!target.Address.IsMulticast)
        {
            if (source.IsAny)
                source = SourceFor(target);
            return Stack.Interfaces.IsLocal(target.Address) ? Errno.Ok : Errno.ENETUNREACH;
        }

        index = said.Interface != 0 ? said.Interface : _multicast.InterfaceFor(target.Address);
        if (source.IsAny && target.Address.IsV4)
            source = _multicast.Source;

        // No route leads to a group: the socket names an interface, or has an address of one (ip(7)).
        if (index == 0 && !source.IsAny)
            index = Stack.Interfaces.FindByAddress(source)?.Index ?? 0;
        return target.Address.IsV4 && Stack.Interfaces.Find(index) is { IsUp: true } ? Errno.Ok : Errno.ENETUNREACH;
    }

    private void DeliverToGroup(ReadOnlySpan<byte> data, in DatagramHeader header)
    {
        if (!Stack.Groups.IsJoined(header.Destination.Address, header.Interface))
            return;
        List<IPortUser> found = _receivers ??= [];
        Stack.UdpPorts.FindAll(header.Destination, header.Source, found, MaxReceivers);
        foreach (IPortUser user in found)
        {
            if (user is not UdpSocket receiver || !receiver.IsInGroup(header) || !receiver.TryAddReference())
                continue;
            receiver.Take(data, header);
            receiver.Release();
        }

        found.Clear();
    }

    private bool IsInGroup(in DatagramHeader header)
    {
        (int level, int name) = header.Destination.Address.IsV4
            ? (SocketLevel.Ip, MulticastOptions.All)
            : (SocketLevel.Ipv6, MulticastOptions.All6);
        return _inet[level, name] != 0 || _multicast.IsMember(header.Destination.Address, header.Interface);
    }
}
