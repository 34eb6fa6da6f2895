using System.Globalization;
using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Timers;
using Sandbox.Sentry.Network;
using Sandbox.Sentry.Network.Tcp;
using Sandbox.Sentry.Sockets.Inet;
using Sandbox.Sentry.Sockets.Unix;

namespace Sandbox.Sentry.Sockets;

/// <summary>The text of the files in /proc/net (proc_pid_net(5)).</summary>
internal static class NetworkTables
{
    private const int Established = 1, Closed = 7;

    private const string TcpTitle =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";

    private const string Tcp6Title =
        "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when"
        + " retrnsmt   uid  timeout inode";

    private const string UdpTitle =
        "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops";

    private const string Udp6Title =
        "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when"
        + " retrnsmt   uid  timeout inode ref pointer drops";

    /// <summary>The names that <see cref="Format"/> knows.</summary>
    public static IReadOnlyList<string> Names { get; } =
        ["arp", "dev", "if_inet6", "netlink", "packet", "raw", "raw6", "route", "sockstat", "tcp", "tcp6", "udp",
            "udp6", "unix"];

    /// <summary>
    /// The whole text of /proc/net/<paramref name="name"/> as this namespace shows it; null for a name not known.
    /// </summary>
    public static byte[]? Format(NetworkNamespace space, TimerQueue timers, string name)
    {
        NetworkStack stack = NetworkStack.Of(space, timers);
        if (stack.IsHost && name is not ("unix" or "netlink" or "packet" or "raw" or "raw6") && IsKnown(name))
            return HostNetworkFiles.Read(Encoding.ASCII.GetBytes(name));
        string? text = name switch
        {
            "unix" => FormatUnix(stack),
            "tcp" => FormatTcp(stack, AddressFamily.Inet),
            "tcp6" => FormatTcp(stack, AddressFamily.Inet6),
            "udp" => FormatUdp(stack, AddressFamily.Inet),
            "udp6" => FormatUdp(stack, AddressFamily.Inet6),
            "raw" => UdpTitle + "\n",
            "raw6" => Udp6Title + "\n",
            "dev" => FormatDevices(),
            "arp" => "IP address       HW type     Flags       HW address            Mask     Device\n",
            "if_inet6" => "00000000000000000000000000000001 01 80 10 80       lo\n",
            "netlink" => "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n",
            "packet" => "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n",
            "route" => "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT".PadRight(
                127) + "\n",
            "sockstat" => FormatCounts(stack),
            _ => null,
        };
        return text is null ? null : Encoding.Latin1.GetBytes(text);
    }

    private static bool IsKnown(string name)
    {
        foreach (string known in Names)
        {
            if (known == name)
                return true;
        }

        return false;
    }

    private static string FormatUnix(NetworkStack stack)
    {
        StringBuilder text = new("Num       RefCount Protocol Flags    Type St Inode Path\n");
        foreach (Socket socket in stack.Collect<Socket>())
        {
            if (socket is not IUnixSocket unix)
                continue;
            bool isConnected = socket is ConnectionSocket { State: ConnectionState.Connected };
            Append(text,
                $"0000000000000000: 00000002 00000000 {(socket.IsListening ? 0x10000 : 0):X8} {(int)socket.Type:X4}");
            Append(text, $" {(isConnected ? 3 : 1):X2} {socket.Inode.Number}");
            byte[] name = unix.Binding.DisplayName;
            if (name.Length > 0)
                text.Append(' ').Append(Encoding.Latin1.GetString(name));
            text.Append('\n');
        }

        return text.ToString();
    }

    private static string FormatTcp(NetworkStack stack, int domain)
    {
        StringBuilder text = new(Title(domain == AddressFamily.Inet ? TcpTitle : Tcp6Title));
        int row = 0;
        HashSet<(InetEndpoint, InetEndpoint)> shown = [];
        foreach (TcpSocket socket in stack.Collect<TcpSocket>())
        {
            if (socket.Domain != domain || (socket.State == TcpState.Closed && socket.Local.Port == 0))
                continue;
            (int readable, int unsent) = socket.IsListening ? (socket.AcceptCounts.Waiting, 0) : socket.Queued;
            shown.Add((socket.Local, socket.Remote));
            AppendTcp(text, row++, socket.Local, socket.Remote, domain, socket.State, unsent, readable, socket.UserId,
                socket.Inode.Number);
        }

        // Those whose socket is gone, and those that wait to be accepted.
        foreach (TcpConnection connection in stack.Tcp.All)
        {
            int own = connection.AnyAddress == InetAddress.AnyV4 ? AddressFamily.Inet : AddressFamily.Inet6;
            if (own == domain && shown.Add((connection.Local, connection.Remote)))
                AppendTcp(text, row++, connection.Local, connection.Remote, domain, connection.State, 0, 0, 0, 0);
        }

        return text.ToString();
    }

    private static void AppendTcp(
        StringBuilder text, int row, InetEndpoint local, InetEndpoint remote, int domain, TcpState state, int unsent,
        int readable,
        uint user, ulong inode)
    {
        Append(text, $"{row,4}: {Address(local, domain)} {Address(remote, domain)} {(int)state:X2}");
        Append(text, $" {unsent:X8}:{readable:X8} 00:00000000 00000000 {user,5}        0 {inode}");
        text.Append(" 1 0000000000000000 100 0 0 10 0\n");
    }

    private static string FormatUdp(NetworkStack stack, int domain)
    {
        StringBuilder text = new(Title(domain == AddressFamily.Inet ? UdpTitle : Udp6Title));
        foreach (UdpSocket socket in stack.Collect<UdpSocket>())
        {
            if (socket.Domain != domain || socket.Local.Port == 0)
                continue;
            int state = socket.IsConnected ? Established : Closed;
            Append(text,
                $"{socket.Local.Port,5}: {Address(socket.Local, domain)} {Address(socket.Remote, domain)} {state:X2}");
            Append(text, $" 00000000:{socket.QueuedBytes:X8} 00:00000000 00000000 {socket.UserId,5}        0 {socket.Inode.Number}");
            Append(text, $" 2 0000000000000000 {socket.Dropped}\n");
        }

        return text.ToString();
    }

    private static string FormatDevices() =>
        "Inter-|   Receive                                                |  Transmit\n"
        + " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"
        + "    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n";

    private static string FormatCounts(NetworkStack stack)
    {
        int tcp = stack.Collect<TcpSocket>().Count, udp = stack.Collect<UdpSocket>().Count,
            all = stack.Collect<Socket>().Count;
        int waiting = Array.FindAll(stack.Tcp.All, static each => each.State == TcpState.TimeWait).Length;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"sockets: used {all}\nTCP: inuse {tcp} orphan 0 tw {waiting} alloc {tcp} mem 0\nUDP: inuse {udp} mem 0\nUDPLITE: inuse 0\n")
            + "RAW: inuse 0\nFRAG: inuse 0 memory 0\n";
    }

    private static string Title(string title) => title.PadRight(149) + "\n";

    /// <summary>As the kernel prints addresses: 32-bit words in the machine's byte order.</summary>
    private static string Address(InetEndpoint endpoint, int domain)
    {
        if (domain == AddressFamily.Inet)
        {
            uint address = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(endpoint.Address.V4);
            return string.Create(CultureInfo.InvariantCulture, $"{address:X8}:{endpoint.Port:X4}");
        }

        StringBuilder text = new(37);
        for (int word = 3; word >= 0; word--)
        {
            uint part = (uint)(endpoint.Address.Value >> (32 * word));
            Append(text, $"{System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(part):X8}");
        }

        Append(text, $":{endpoint.Port:X4}");
        return text.ToString();
    }

    private static void Append(StringBuilder text, FormattableString part) =>
        text.Append(part.ToString(CultureInfo.InvariantCulture));
}
