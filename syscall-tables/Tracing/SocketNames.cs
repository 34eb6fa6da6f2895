namespace Sandbox.SyscallTables.Tracing;

/// <summary>Names of what socket calls take.</summary>
internal static class SocketNames
{
    public static readonly FlagNames.Set Domain = FlagNames.Set.Constant(
        (0, "AF_UNSPEC"), (1, "AF_UNIX"), (2, "AF_INET"), (10, "AF_INET6"), (16, "AF_NETLINK"),
        (17, "AF_PACKET"), (38, "AF_ALG"), (40, "AF_VSOCK"));

    public static readonly FlagNames.Set Type = new(
        15,
        [
            (1, "SOCK_STREAM"), (2, "SOCK_DGRAM"), (3, "SOCK_RAW"), (4, "SOCK_RDM"), (5, "SOCK_SEQPACKET"),
            (10, "SOCK_PACKET"),
        ],
        [
            (0x800, "SOCK_NONBLOCK"), (0x80000, "SOCK_CLOEXEC"),
        ]);

    public static readonly FlagNames.Set Message = FlagNames.Set.Flags(
        (1, "MSG_OOB"), (2, "MSG_PEEK"), (4, "MSG_DONTROUTE"), (8, "MSG_CTRUNC"), (16, "MSG_PROXY"),
        (32, "MSG_TRUNC"), (64, "MSG_DONTWAIT"), (128, "MSG_EOR"), (256, "MSG_WAITALL"), (0x800, "MSG_CONFIRM"),
        (0x2000, "MSG_ERRQUEUE"), (0x4000, "MSG_NOSIGNAL"), (0x8000, "MSG_MORE"), (0x10000, "MSG_WAITFORONE"),
        (0x20000000, "MSG_FASTOPEN"), (0x40000000, "MSG_CMSG_CLOEXEC"));

    public static readonly FlagNames.Set Level = FlagNames.Set.Constant(
        (0, "SOL_IP"), (1, "SOL_SOCKET"), (6, "SOL_TCP"), (17, "SOL_UDP"), (41, "SOL_IPV6"),
        (270, "SOL_NETLINK"));

    public static readonly FlagNames.Set Option = FlagNames.Set.Constant(
        (1, "SO_DEBUG"), (2, "SO_REUSEADDR"), (3, "SO_TYPE"), (4, "SO_ERROR"), (5, "SO_DONTROUTE"),
        (6, "SO_BROADCAST"), (7, "SO_SNDBUF"), (8, "SO_RCVBUF"), (9, "SO_KEEPALIVE"), (10, "SO_OOBINLINE"),
        (12, "SO_PRIORITY"), (13, "SO_LINGER"), (15, "SO_REUSEPORT"), (16, "SO_PASSCRED"), (17, "SO_PEERCRED"),
        (18, "SO_RCVLOWAT"), (19, "SO_SNDLOWAT"), (20, "SO_RCVTIMEO"), (21, "SO_SNDTIMEO"),
        (25, "SO_BINDTODEVICE"), (26, "SO_ATTACH_FILTER"), (29, "SO_TIMESTAMP"), (30, "SO_ACCEPTCONN"),
        (31, "SO_PEERSEC"), (36, "SO_MARK"), (38, "SO_PROTOCOL"), (39, "SO_DOMAIN"), (59, "SO_PEERGROUPS"),
        (77, "SO_PEERPIDFD"));

    public static readonly FlagNames.Set Shutdown = FlagNames.Set.Constant(
        (0, "SHUT_RD"), (1, "SHUT_WR"), (2, "SHUT_RDWR"));
}
