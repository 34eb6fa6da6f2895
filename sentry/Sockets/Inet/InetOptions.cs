using System.Buffers.Binary;
using Sandbox.Linux;

namespace Sandbox.Sentry.Sockets.Inet;

/// <summary>
/// The options of ip(7), ipv6(7), tcp(7) and udp(7) that a loopback has no use for, or that only change timing: kept
/// and given back, so that programs find what they set.
/// </summary>
internal sealed class InetOptions
{
    public const int V6Only = 26, ReceiveError = 11, ReceiveError6 = 25;

    private const int IpOptions = 4;

    // Level and name to the default (Linux 6.12, loopback).
    private static readonly Dictionary<(int, int), int> _defaults = new()
    {
        [(SocketLevel.Ip, 1)] = 0, [(SocketLevel.Ip, 2)] = 64, [(SocketLevel.Ip, 6)] = 0, [(SocketLevel.Ip, 8)] = 0,
        [(SocketLevel.Ip, 10)] = 1, [(SocketLevel.Ip, 11)] = 0, [(SocketLevel.Ip, 12)] = 0, [(SocketLevel.Ip, 13)] = 0,
        [(SocketLevel.Ip, 15)] = 0, [(SocketLevel.Ip, 21)] = 0, [(SocketLevel.Ip, 24)] = 0, [(SocketLevel.Ip, 33)] = 1,
        [(SocketLevel.Ip, 34)] = 1, [(SocketLevel.Ip, 49)] = 1,
        [(SocketLevel.Ipv6, 16)] = 64, [(SocketLevel.Ipv6, 18)] = 1, [(SocketLevel.Ipv6, 19)] = 1,
        [(SocketLevel.Ipv6, 23)] = 1,
        [(SocketLevel.Ipv6, 25)] = 0, [(SocketLevel.Ipv6, V6Only)] = 0, [(SocketLevel.Ipv6, 49)] = 0,
        [(SocketLevel.Ipv6, 51)] = 0, [(SocketLevel.Ipv6, MulticastOptions.All6)] = 1,
        [(SocketLevel.Ipv6, 62)] = 0, [(SocketLevel.Ipv6, 66)] = 0, [(SocketLevel.Ipv6, 70)] = 1,
        [(SocketLevel.Ipv6, 72)] = 0, [(SocketLevel.Ipv6, 78)] = 0,
        [(SocketLevel.Tcp, 10)] = 0, [(SocketLevel.Tcp, 12)] = 1, [(SocketLevel.Tcp, 16)] = 0,
        [(SocketLevel.Tcp, 17)] = 0,
        [(SocketLevel.Tcp, 23)] = 0, [(SocketLevel.Tcp, 25)] = -1, [(SocketLevel.Tcp, 30)] = 0,
        [(SocketLevel.Tcp, 36)] = 0,
        [(SocketLevel.Udp, 1)] = 0, [(SocketLevel.Udp, NetworkControl.UdpSegment)] = 0, [(SocketLevel.Udp, 104)] = 0,
        [(SocketLevel.Ip, 20)] = 0, [(SocketLevel.Ipv6, NetworkControl.TrafficClass)] = 0, [(SocketLevel.Ipv6, 74)] = 0,
    };

    // Never changed in place, since ports are looked up with it under a lock: a change makes a new one.
    private volatile Dictionary<(int, int), int>? _values;

    /// <summary>The value now; 0 for an option this does not know.</summary>
    public int this[int level, int name] =>
        _values is { } values && values.TryGetValue((level, name), out int value)
            ? value
            : _defaults.GetValueOrDefault((level, name));

    /// <summary>True once an option was set at all.</summary>
    public bool HasAny => _values is not null;

    public void CopyFrom(InetOptions other) => _values = other._values;

    /// <summary>setsockopt(2). ENOPROTOOPT for what is not kept.</summary>
    public Errno Set(int level, int name, ReadOnlySpan<byte> value)
    {
        if (!_defaults.ContainsKey((level, name)))
            return Errno.ENOPROTOOPT;
        if (value.IsEmpty)
            return Errno.EINVAL;
        int number = value.Length >= sizeof(int) ? BinaryPrimitives.ReadInt32LittleEndian(value) : value[0];
        if (Check(level, name, ref number) is not Errno.Ok and Errno wrong)
            return wrong;
        _values = new Dictionary<(int, int), int>(_values ?? []) { [(level, name)] = number };
        return Errno.Ok;
    }

    /// <summary>EINVAL for what Linux does not take; what it keeps in another form is given that.</summary>
    private static Errno Check(int level, int name, ref int number)
    {
        const int most = 255, lastDiscovery = 5, hops = 64;
        switch (level, name)
        {
            case (SocketLevel.Ip, 1):
                number &= most;
                return Errno.Ok;
            case (SocketLevel.Ip, 2):
                number = number == -1 ? hops : number;
                return number is < 1 or > most ? Errno.EINVAL : Errno.Ok;
            case (SocketLevel.Ipv6, 16):
                number = number == -1 ? hops : number;
                return number is < 0 or > most ? Errno.EINVAL : Errno.Ok;
            case (SocketLevel.Ip, 33) or (SocketLevel.Ipv6, 18):
                number = number == -1 ? 1 : number;
                return number is < 0 or > most ? Errno.EINVAL : Errno.Ok;
            case (SocketLevel.Ipv6, NetworkControl.TrafficClass):
                number = number == -1 ? 0 : number;
                return number is < 0 or > most ? Errno.EINVAL : Errno.Ok;
            case (SocketLevel.Ip, 10) or (SocketLevel.Ipv6, 23):
                return number is < 0 or > lastDiscovery ? Errno.EINVAL : Errno.Ok;
            case (SocketLevel.Ip, 21):
                return number is < 0 or > most ? Errno.EINVAL : Errno.Ok;
            case (SocketLevel.Udp, NetworkControl.UdpSegment):
                return number is < 0 or > ushort.MaxValue ? Errno.EINVAL : Errno.Ok;
            case (SocketLevel.Ipv6, 72):
                return Errno.Ok; // Preferences of addresses: bits.
            case (SocketLevel.Ip or SocketLevel.Ipv6, _):
                number = number != 0 ? 1 : 0; // The others are switches.
                return Errno.Ok;
            default:
                return Errno.Ok;
        }
    }

    /// <summary>getsockopt(2); gives the value's length. ENOPROTOOPT.</summary>
    public Result<int> Get(int level, int name, Span<byte> value)
    {
        if ((level, name) == (SocketLevel.Ip, IpOptions))
            return 0;
        return _defaults.ContainsKey((level, name))
            ? SocketOptions.PutInt(value, this[level, name])
            : Errno.ENOPROTOOPT;
    }
}
