namespace Sandbox.Linux;

/// <summary>open(2) flags (include/uapi/asm-generic/fcntl.h, x86-64 values).</summary>
[Flags]
public enum OpenFlags
{
    ReadOnly = 0,
    WriteOnly = 1,
    ReadWrite = 2,
    AccessMode = 3,
    Create = 0x40,
    Exclusive = 0x80,
    NoControllingTerminal = 0x100,
    Truncate = 0x200,
    Append = 0x400,
    NonBlock = 0x800,
    DataSync = 0x1000,
    Async = 0x2000,
    Direct = 0x4000,
    LargeFile = 0x8000,
    Directory = 0x10000,
    NoFollow = 0x20000,
    NoAccessTime = 0x40000,
    CloseOnExec = 0x80000,
    Sync = 0x101000,
    Path = 0x200000,
    TemporaryFile = 0x410000,
}

/// <summary>The file type bits of st_mode (inode(7)).</summary>
public enum FileType : uint
{
    None = 0,
    Fifo = 0x1000,
    CharacterDevice = 0x2000,
    Directory = 0x4000,
    BlockDevice = 0x6000,
    Regular = 0x8000,
    SymbolicLink = 0xA000,
    Socket = 0xC000,
    Mask = 0xF000,
}

/// <summary>Permission bits of st_mode (inode(7)).</summary>
public static class ModeBits
{
    public const uint SetUserId = 0x800, SetGroupId = 0x400, Sticky = 0x200, Permissions = 0x1FF, All = 0xFFF;
}

/// <summary>lseek(2).</summary>
public enum SeekWhence
{
    Set = 0,
    Current = 1,
    End = 2,
    Data = 3,
    Hole = 4,
}

/// <summary>The AT_* flags (include/uapi/linux/fcntl.h).</summary>
[Flags]
public enum AtFlags
{
    None = 0,
    SymlinkNoFollow = 0x100,
    RemoveDirectory = 0x200,
    EffectiveAccess = 0x200,
    SymlinkFollow = 0x400,
    NoAutomount = 0x800,
    EmptyPath = 0x1000,
    StatxForceSync = 0x2000,
    StatxDontSync = 0x4000,
    Recursive = 0x8000,
}

/// <summary>Poll and epoll event bits (poll(2); the same values for both).</summary>
[Flags]
public enum PollEvents : uint
{
    None = 0,
    In = 0x001,
    Priority = 0x002,
    Out = 0x004,
    Error = 0x008,
    HangUp = 0x010,
    Invalid = 0x020,
    ReadNormal = 0x040,
    ReadBand = 0x080,
    WriteNormal = 0x100,
    WriteBand = 0x200,
    Message = 0x400,
    ReadHangUp = 0x2000,
    Exclusive = 1u << 28,
    WakeUp = 1u << 29,
    OneShot = 1u << 30,
    EdgeTriggered = 1u << 31,
    Readable = In | ReadNormal,
    Writable = Out | WriteNormal,
}

/// <summary>mmap(2) protection.</summary>
[Flags]
public enum MemoryProtection
{
    None = 0,
    Read = 1,
    Write = 2,
    Execute = 4,
    GrowsDown = 0x01000000,
    GrowsUp = 0x02000000,
}

/// <summary>mmap(2) flags, x86-64 values.</summary>
[Flags]
public enum MapFlags
{
    None = 0,
    Shared = 0x01,
    Private = 0x02,
    SharedValidate = 0x03,
    TypeMask = 0x0F,
    Fixed = 0x10,
    Anonymous = 0x20,
    ThirtyTwoBit = 0x40,
    GrowsDown = 0x0100,
    DenyWrite = 0x0800,
    Executable = 0x1000,
    Locked = 0x2000,
    NoReserve = 0x4000,
    Populate = 0x8000,
    NonBlock = 0x10000,
    Stack = 0x20000,
    HugeTlb = 0x40000,
    Sync = 0x80000,
    FixedNoReplace = 0x100000,
}
