namespace Sandbox.Linux;

/// <summary>clone(2), clone3(2), unshare(2) and setns(2) flags (include/uapi/linux/sched.h).</summary>
[Flags]
public enum CloneFlags : ulong
{
    None = 0,

    /// <summary>The low byte of clone(2)'s flags: the signal sent at exit.</summary>
    ExitSignalMask = 0xFF,

    /// <summary>Shares the byte of <see cref="ExitSignalMask"/>: only unshare(2) and clone3(2) know it.</summary>
    NewTime = 0x80,
    Vm = 0x100,
    Fs = 0x200,
    Files = 0x400,
    SignalHandlers = 0x800,
    PidFd = 0x1000,
    Ptrace = 0x2000,
    VFork = 0x4000,
    Parent = 0x8000,
    Thread = 0x10000,
    NewMount = 0x20000,
    SysVSemaphores = 0x40000,
    SetTls = 0x80000,
    ParentSetTid = 0x100000,
    ChildClearTid = 0x200000,
    Detached = 0x400000,
    Untraced = 0x800000,
    ChildSetTid = 0x1000000,
    NewCgroup = 0x2000000,
    NewUts = 0x4000000,
    NewIpc = 0x8000000,
    NewUser = 0x10000000,
    NewPid = 0x20000000,
    NewNet = 0x40000000,
    Io = 0x80000000,

    /// <summary>clone3 only: signal handlers of the child go back to their defaults.</summary>
    ClearSignalHandlers = 0x1_0000_0000,

    /// <summary>clone3 only: the child starts in the cgroup (v2) whose directory descriptor is given.</summary>
    IntoCgroup = 0x2_0000_0000,

    /// <summary>Every namespace that clone(2) makes.</summary>
    NewNamespaces = NewMount | NewCgroup | NewUts | NewIpc | NewUser | NewPid | NewNet,
}
