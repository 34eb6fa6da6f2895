namespace Sandbox.SyscallTables.Tracing;

/// <summary>
/// How a traced argument is written. "Out" formats are read when the call is over, all others before it.
/// </summary>
internal enum ArgumentFormat
{
    Signed32,
    Signed64,
    Unsigned32,
    Unsigned64,
    Hexadecimal,
    Octal,

    /// <summary>A pointer that is not followed.</summary>
    Address,

    /// <summary>A descriptor, with the file behind it.</summary>
    Fd,
    DirectoryFd,

    /// <summary>A NUL-terminated string.</summary>
    Text,

    /// <summary>A NULL-terminated array of strings.</summary>
    TextArray,

    /// <summary>Bytes; the next argument is their length.</summary>
    Data,
    DataOut,
    Vectors,
    VectorsOut,
    Stat,
    Statx,
    StatFs,
    Time,
    TimeOut,
    MicroTime,
    MicroTimeOut,

    /// <summary>struct itimerspec: interval, value.</summary>
    TimerTime,
    TimerTimeOut,

    /// <summary>struct itimerval.</summary>
    TimerMicroTime,
    TimerMicroTimeOut,
    Signal,
    SignalHow,
    SignalSet,
    SignalSetOut,
    SignalAction,
    SignalActionOut,
    SignalInfo,
    SignalInfoOut,
    SocketAddress,
    SocketAddressOut,
    Message,
    MessageOut,
    PollDescriptors,
    EpollEvent,
    EpollEventsOut,
    FdPairOut,
    IntegerOut,
    LongIn,
    LongOut,
    WaitStatusOut,
    ResourceUsageOut,
    Limit,
    LimitOut,
    OpenHow,
    CloneArguments,

    /// <summary>struct mq_attr.</summary>
    QueueAttributes,
    QueueAttributesOut,

    /// <summary>struct sigevent.</summary>
    SignalEvent,

    // Flags and constants by name, in the order of FlagNames.
    OpenFlags,

    /// <summary>O_* without an access mode (pipe2, accept4, epoll_create1…).</summary>
    DescriptorFlags,
    AccessMode,
    AtFlags,
    SeekWhence,
    Protection,
    MapFlags,
    RemapFlags,
    Advice,
    SynchronizeFlags,
    CloneFlags,
    WaitOptions,
    WaitKind,
    FutexOperation,
    FcntlCommand,
    IoctlRequest,
    PrctlOption,
    ArchPrctlCode,
    Clock,
    Resource,
    SocketDomain,
    SocketType,
    MessageFlags,
    SocketLevel,
    SocketOption,
    ShutdownHow,
    EpollOperation,
    PollEvents,
    MountFlags,
    UnmountFlags,
    RenameFlags,
    InotifyMask,
    RandomFlags,
    MemFdFlags,
    TimerFlags,
    LockOperation,
    SpliceFlags,
    FallocateMode,
    SchedulePolicy,
}
