using Sandbox.Linux;

namespace Sandbox.Sentry.Kernel;

/// <summary>clone(2) flags (include/uapi/linux/sched.h).</summary>
[Flags]
internal enum CloneFlags : ulong
{
    None = 0,
    ExitSignalMask = 0xFF,
    NewTime = 0x80,
    Memory = 0x100,
    Fs = 0x200,
    Files = 0x400,
    SignalHandlers = 0x800,
    PidFd = 0x1000,
    Ptrace = 0x2000,
    Vfork = 0x4000,
    Parent = 0x8000,
    Thread = 0x10000,
    NewMount = 0x20000,
    SystemVSemaphores = 0x40000,
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
    NewNetwork = 0x40000000,
    Io = 0x80000000,
    ClearSignalHandlers = 0x100000000,
    IntoCgroup = 0x200000000,
    NewNamespaces = NewMount | NewCgroup | NewUts | NewIpc | NewUser | NewPid | NewNetwork,
}

/// <summary>What clone, clone3, fork and vfork ask for, in one form.</summary>
internal readonly record struct CloneArguments
{
    public CloneFlags Flags { get; init; }
    public Signal ExitSignal { get; init; }

    /// <summary>The child's stack pointer, or null to keep the parent's value.</summary>
    public UserAddress StackPointer { get; init; }
    public UserAddress ParentTid { get; init; }
    public UserAddress ChildTid { get; init; }
    public UserAddress PidFd { get; init; }
    public ulong Tls { get; init; }

    public bool Has(CloneFlags flag) => (Flags & flag) != 0;

    /// <summary>The combinations clone(2) refuses with EINVAL.</summary>
    public bool IsValid
    {
        get
        {
            if (Has(CloneFlags.SignalHandlers) && !Has(CloneFlags.Memory))
                return false;
            if (Has(CloneFlags.Thread) && !Has(CloneFlags.SignalHandlers))
                return false;
            if (Has(CloneFlags.ClearSignalHandlers) && Has(CloneFlags.SignalHandlers))
                return false;
            if (Has(CloneFlags.Fs) && (Has(CloneFlags.NewMount) || Has(CloneFlags.NewUser)))
                return false;
            if (Has(CloneFlags.Thread) && (Flags & (CloneFlags.NewUser | CloneFlags.NewPid)) != 0)
                return false;
            return ExitSignal is >= Signal.None and <= Signal.Last;
        }
    }
}
