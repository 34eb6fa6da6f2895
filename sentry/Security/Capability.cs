namespace Sandbox.Sentry.Security;

/// <summary>capabilities(7); numbers of include/uapi/linux/capability.h.</summary>
internal enum Capability
{
    Chown = 0,
    DacOverride = 1,
    DacReadSearch = 2,
    FileOwner = 3,
    FileSetId = 4,
    Kill = 5,
    SetGid = 6,
    SetUid = 7,
    SetPcap = 8,
    LinuxImmutable = 9,
    NetBindService = 10,
    NetBroadcast = 11,
    NetAdmin = 12,
    NetRaw = 13,
    IpcLock = 14,
    IpcOwner = 15,
    SysModule = 16,
    SysRawIo = 17,
    SysChroot = 18,
    SysPtrace = 19,
    SysPacct = 20,
    SysAdmin = 21,
    SysBoot = 22,
    SysNice = 23,
    SysResource = 24,
    SysTime = 25,
    SysTtyConfig = 26,
    Mknod = 27,
    Lease = 28,
    AuditWrite = 29,
    AuditControl = 30,
    SetFileCap = 31,
    MacOverride = 32,
    MacAdmin = 33,
    Syslog = 34,
    WakeAlarm = 35,
    BlockSuspend = 36,
    AuditRead = 37,
    PerfMon = 38,
    Bpf = 39,
    CheckpointRestore = 40,
    Last = CheckpointRestore,
}

/// <summary>A set of capabilities as the kernel's 64-bit mask.</summary>
internal readonly record struct CapabilitySet(ulong Mask)
{
    public static CapabilitySet Empty => default;

    /// <summary>Every capability this kernel knows.</summary>
    public static CapabilitySet Full => new((1ul << ((int)Capability.Last + 1)) - 1);

    public bool Has(Capability capability) => (Mask & (1ul << (int)capability)) != 0;

    public CapabilitySet With(Capability capability) => new(Mask | (1ul << (int)capability));

    public CapabilitySet Without(Capability capability) => new(Mask & ~(1ul << (int)capability));

    public static CapabilitySet operator &(CapabilitySet a, CapabilitySet b) => new(a.Mask & b.Mask);

    public static CapabilitySet operator |(CapabilitySet a, CapabilitySet b) => new(a.Mask | b.Mask);

    /// <summary>True if every member is in <paramref name="other"/>.</summary>
    public bool IsSubsetOf(CapabilitySet other) => (Mask & ~other.Mask) == 0;
}
