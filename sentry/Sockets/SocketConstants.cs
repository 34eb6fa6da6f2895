namespace Sandbox.Sentry.Sockets;

/// <summary>Address families (socket(2); include/linux/socket.h).</summary>
internal static class AddressFamily
{
    public const int Unspecified = 0, Unix = 1, Inet = 2, Inet6 = 10, Netlink = 16;
}

/// <summary>socket(2) types; the flags in the same argument are <see cref="Sandbox.Linux.OpenFlags"/> bits.</summary>
internal enum SocketKind
{
    Stream = 1,
    Datagram = 2,
    Raw = 3,
    SequentialPacket = 5,
    Mask = 0xF,
}

/// <summary>MSG_* flags of send(2) and recv(2).</summary>
[Flags]
internal enum SocketFlags
{
    None = 0,
    OutOfBand = 0x1,
    Peek = 0x2,
    DontRoute = 0x4,
    ControlTruncated = 0x8,
    Truncated = 0x20,
    DontWait = 0x40,
    EndOfRecord = 0x80,
    WaitAll = 0x100,
    Confirm = 0x800,
    ErrorQueue = 0x2000,
    NoSignal = 0x4000,
    More = 0x8000,
    WaitForOne = 0x10000,
    FastOpen = 0x20000000,
    CloseOnExec = 0x40000000,
}

/// <summary>How shutdown(2) closes a connection.</summary>
internal enum ShutdownHow
{
    Read = 0,
    Write = 1,
    Both = 2,
}

/// <summary>Levels of getsockopt(2).</summary>
internal static class SocketLevel
{
    public const int Ip = 0, Socket = 1, Tcp = 6, Udp = 17, Ipv6 = 41, Netlink = 270;
}

/// <summary>SOL_SOCKET options (include/uapi/asm-generic/socket.h).</summary>
internal enum SocketOption
{
    Debug = 1,
    ReuseAddress = 2,
    Type = 3,
    Error = 4,
    DontRoute = 5,
    Broadcast = 6,
    SendBuffer = 7,
    ReceiveBuffer = 8,
    KeepAlive = 9,
    OutOfBandInline = 10,
    NoCheck = 11,
    Priority = 12,
    Linger = 13,
    ReusePort = 15,
    PassCredentials = 16,
    PeerCredentials = 17,
    ReceiveLowWater = 18,
    SendLowWater = 19,
    ReceiveTimeout = 20,
    SendTimeout = 21,
    BindToDevice = 25,
    AttachFilter = 26,
    DetachFilter = 27,
    Timestamp = 29,
    AcceptsConnections = 30,
    PeerSecurity = 31,
    SendBufferForce = 32,
    ReceiveBufferForce = 33,
    PassSecurity = 34,
    TimestampNanoseconds = 35,
    Mark = 36,
    Timestamping = 37,
    Protocol = 38,
    Domain = 39,
    ReceiveQueueOverflow = 40,
    PeekOffset = 42,
    SelectErrorQueue = 45,
    BusyPoll = 46,
    IncomingCpu = 49,
    Cookie = 57,
    PeerGroups = 59,
    NewTimestamp = 63,
    NewTimestampNanoseconds = 64,
    NewTimestamping = 65,
    PeerPidFd = 77,
}
