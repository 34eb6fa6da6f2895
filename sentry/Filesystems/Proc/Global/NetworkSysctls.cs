using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Global;

/// <summary>
/// /proc/sys/net of the network namespace of who opens it. Where the Sentry has the network, a loopback and nothing
/// else, what steers routes, neighbours and interfaces has nothing to steer and is kept. Where the host has it, its
/// values are the runtime's to set before the start: writing the present one succeeds, another is EPERM.
/// </summary>
internal static class NetworkSysctls
{
    private const string FirstPort = "net/ipv4/ip_unprivileged_port_start";

    /// <summary>Constants of the Sentry's own sockets: another value would not act, and is EINVAL.</summary>
    private static readonly string[] _fixed =
    [
        "net/core/somaxconn", "net/core/rmem_max", "net/core/wmem_max", "net/core/rmem_default",
        "net/core/wmem_default", "net/core/optmem_max", "net/ipv4/ip_local_port_range", "net/unix/max_dgram_qlen",
        "net/ipv4/tcp_rmem", "net/ipv4/tcp_wmem", "net/ipv4/tcp_available_congestion_control",
        "net/ipv4/tcp_congestion_control", "net/ipv4/tcp_keepalive_time", "net/ipv4/tcp_keepalive_intvl",
        "net/ipv4/tcp_keepalive_probes", "net/ipv4/tcp_fin_timeout", "net/ipv4/tcp_sack", "net/ipv4/tcp_syncookies",
        "net/ipv4/tcp_max_syn_backlog", "net/ipv4/tcp_fastopen", "net/ipv4/ping_group_range",
        "net/ipv6/conf/all/disable_ipv6", "net/ipv6/conf/default/disable_ipv6", "net/ipv6/conf/lo/disable_ipv6",
    ];

    private static readonly string[] _zeroOfInterface =
    [
        "accept_local", "accept_source_route", "arp_accept", "arp_announce", "arp_filter", "arp_ignore", "arp_notify",
        "bootp_relay", "drop_gratuitous_arp", "drop_unicast_in_l2_multicast", "force_igmp_version", "forwarding",
        "igmpv2_unsolicited_report_interval", "ignore_routes_with_linkdown", "log_martians", "medium_id",
        "promote_secondaries", "proxy_arp", "proxy_arp_pvlan", "route_localnet", "rp_filter", "src_valid_mark", "tag",
    ];

    private static readonly string[] _oneOfInterface =
        ["accept_redirects", "secure_redirects", "send_redirects", "shared_media"];

    // What was written, by path; goes with the namespace.
    private static readonly ConditionalWeakTable<NetworkNamespace, ConcurrentDictionary<string, string>> _written = [];

    /// <summary>The files of IPv4's settings for an interface, "all" and "default", with their first values.</summary>
    public static IEnumerable<(string Path, string Value)> OfInterfaces()
    {
        foreach (string name in (string[])["all", "default", "lo"])
        {
            string isLoopback = name == "lo" ? "1" : "0";
            foreach (string file in _zeroOfInterface)
                yield return ($"net/ipv4/conf/{name}/{file}", "0");
            foreach (string file in _oneOfInterface)
                yield return ($"net/ipv4/conf/{name}/{file}", "1");
            yield return ($"net/ipv4/conf/{name}/disable_policy", isLoopback);
            yield return ($"net/ipv4/conf/{name}/disable_xfrm", isLoopback);
        }
    }

    /// <summary>A file below /proc/sys/net.</summary>
    public static Inode File(ProcFileSystem proc, string path, string first) => new WritableTextFile(
        proc,
        (caller, text) =>
        {
            text.AppendLine(Value((Task)caller, path, first));
            return Errno.Ok;
        },
        (caller, text) => Write((Task)caller, path, first, text));

    private static string Value(Task task, string path, string first)
    {
        NetworkNamespace space = task.Namespaces.Network;
        int? firstPort = space.Stack?.FirstUnprivilegedPort ?? space.FirstUnprivilegedPort;
        if (path == FirstPort && !IsHost(space) && firstPort is { } port)
            return port.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return _written.TryGetValue(space, out ConcurrentDictionary<string, string>? written)
            ? written.GetValueOrDefault(path, first)
            : first;
    }

    private static Errno Write(Task task, string path, string first, ReadOnlySpan<byte> text)
    {
        NetworkNamespace space = task.Namespaces.Network;
        if (!task.Credentials.Has(Capability.NetAdmin, space.Owner))
            return Errno.EPERM;
        string present = Value(task, path, first);
        StoredSysctl form = new(task.Fs.Root.Inode.FileSystem, present);
        ByteBuilder built = new();
        if (form.Consume(task, text) is not Errno.Ok and Errno malformed)
            return malformed;
        form.Produce(task, built);
        string wanted = Encoding.UTF8.GetString(built.Written).TrimEnd('\n');
        if (wanted == present)
            return Errno.Ok;
        if (IsHost(space))
            return Errno.EPERM;
        if (Array.IndexOf(_fixed, path) >= 0)
            return Errno.EINVAL;
        if (path != FirstPort)
        {
            _written.GetOrCreateValue(space)[path] = wanted;
            return Errno.Ok;
        }

        if (!int.TryParse(wanted, out int port) || port is < 0 or > ushort.MaxValue)
            return Errno.EINVAL;
        space.FirstUnprivilegedPort = port;
        if (space.Stack is { } stack)
            stack.FirstUnprivilegedPort = port;
        return Errno.Ok;
    }

    // Before a socket was made it may still be the host's.
    private static bool IsHost(NetworkNamespace space) => space.Stack?.IsHost ?? space.Host != HostNetwork.Never;
}
