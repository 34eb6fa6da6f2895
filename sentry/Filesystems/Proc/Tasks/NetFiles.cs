using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>
/// /proc/PID/net: the network namespace's tables (proc_pid_net(5)). Until a stack registers its own writers there is
/// the loopback interface and nothing else.
/// </summary>
internal static class NetFiles
{
    private const string SixHeader =
        "  sl  local_address                         remote_address                        st"
        + " tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";

    private static volatile Dictionary<string, TaskTextProducer> _producers = new()
    {
        ["dev"] = WriteDevices,
        ["tcp"] = Constant(
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"),
        ["tcp6"] = Constant(SixHeader + "\n"),
        ["udp"] = Constant(
            "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"),
        ["udp6"] = Constant(SixHeader + " ref pointer drops\n"),
        ["raw"] = Constant(
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"),
        ["raw6"] = Constant(SixHeader + " ref pointer drops\n"),
        ["unix"] = Constant("Num       RefCount Protocol Flags    Type St Inode Path\n"),
        ["route"] = Constant("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"),
        ["ipv6_route"] = Constant(""),
        ["if_inet6"] = Constant("00000000000000000000000000000001 01 80 10 80       lo\n"),
        ["arp"] = Constant("IP address       HW type     Flags       HW address            Mask     Device\n"),
        ["packet"] = Constant("sk       RefCnt Type Proto  Iface R Rmem   User   Inode\n"),
        ["netlink"] = Constant(
            "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n"),
        ["protocols"] = Constant(
            "protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in de sh ss gs se re sp bi br ha uh gp em\n"),
        ["snmp"] = Constant("Ip: Forwarding DefaultTTL\nIp: 2 64\n"),
        ["netstat"] = Constant(""),
        ["igmp"] = Constant(
            "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n1\tlo        :     1      V3\n"
            + "\t\t\t\t010000E0     1 0:00000000\t\t0\n"),
        ["igmp6"] = Constant("1    lo              ff020000000000000000000000000001     1 0000000C 0\n"),
        ["dev_mcast"] = Constant(""),
        ["snmp6"] = Constant("Ip6InReceives                   \t0\nIp6OutRequests                  \t0\n"),
        ["softnet_stat"] = Constant("00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000"
            + " 00000000 00000000 00000000\n"),
        ["sockstat6"] = Constant(
            "TCP6: inuse 0\nUDP6: inuse 0\nUDPLITE6: inuse 0\nRAW6: inuse 0\nFRAG6: inuse 0 memory 0\n"),
        ["psched"] = Constant("000003e8 00000040 000f4240 3b9aca00\n"),
        ["ptype"] = Constant("Type Device      Function\n0800          ip_rcv\n86dd          ipv6_rcv\n"),
        ["sockstat"] = Constant("sockets: used 0\nTCP: inuse 0 orphan 0 tw 0 alloc 0 mem 0\nUDP: inuse 0 mem 0\n"),
    };

    /// <summary>Replaces a file's writer; for the socket layers, at start-up.</summary>
    public static void Register(string name, TaskTextProducer producer) =>
        _producers = new Dictionary<string, TaskTextProducer>(_producers) { [name] = producer };

    public static Inode MakeDirectory(ProcTask target)
    {
        StaticDirectory directory = new(target.Proc);
        foreach ((string name, TaskTextProducer producer) in _producers)
            directory.Add(name, new ProcTaskTextFile(target, producer, null, Modes.O444, isPrivate: false));
        return directory;
    }

    private static TaskTextProducer Constant(string content) => (_, _, text) =>
    {
        text.Append(content);
        return Errno.Ok;
    };

    private static Errno WriteDevices(ProcTask target, ICaller reader, ByteBuilder text)
    {
        text.Append("Inter-|   Receive                                                |  Transmit\n"u8)
            .Append(" face |bytes    packets errs drop fifo frame compressed multicast|"u8)
            .Append("bytes    packets errs drop fifo colls carrier compressed\n"u8)
            .Append("    lo:       0       0    0    0    0     0          0         0"u8)
            .Append("        0       0    0    0    0     0       0          0\n"u8);
        return Errno.Ok;
    }
}
