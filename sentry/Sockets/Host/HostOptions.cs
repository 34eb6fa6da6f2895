namespace Sandbox.Sentry.Sockets.Host;

/// <summary>
/// Which socket options the host decides. No value of theirs is a pointer, and none reaches beyond the socket.
/// </summary>
internal static class HostOptions
{
    private const int Icmp6 = 58, FirstFilterOption = 64, LastFilter6Option = 65;

    // Filters come as pointers; upper-layer protocols, repair and zero-copy map or hand over more than the socket.
    private static readonly int[] _refusedTcp = [19, 20, 21, 22, 31, 35, 38, 39, 40];

    /// <summary>Of SOL_SOCKET: the others are kept here (time-outs, because waiting is done here).</summary>
    public static bool IsOfHost(SocketOption option) => option is SocketOption.ReuseAddress or SocketOption.ReusePort
        or SocketOption.DontRoute or SocketOption.Broadcast or SocketOption.SendBuffer or SocketOption.ReceiveBuffer
        or SocketOption.KeepAlive or SocketOption.OutOfBandInline or SocketOption.Linger or SocketOption.Priority
        or SocketOption.ReceiveLowWater or SocketOption.AcceptsConnections or SocketOption.IncomingCpu
        or SocketOption.NoCheck or SocketOption.Timestamp or SocketOption.TimestampNanoseconds
        or SocketOption.Timestamping
        or SocketOption.ReceiveQueueOverflow or SocketOption.SelectErrorQueue or SocketOption.NewTimestamp
        or SocketOption.NewTimestampNanoseconds or SocketOption.NewTimestamping;

    public static bool MayPass(int level, int name) => level switch
    {
        SocketLevel.Socket => IsOfHost((SocketOption)name),
        SocketLevel.Ip => name is > 0 and < FirstFilterOption,
        SocketLevel.Ipv6 => name is > 0 and not (>= FirstFilterOption and <= LastFilter6Option),
        SocketLevel.Tcp => System.Array.IndexOf(_refusedTcp, name) < 0,
        SocketLevel.Udp => name is > 0 and < FirstFilterOption,
        Icmp6 => true,
        SocketLevel.Netlink => true,
        _ => false,
    };
}
