using Sandbox.Linux;

namespace Sandbox.Sentry.Kernel.Tasks;

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
            if (Has(CloneFlags.SignalHandlers) && !Has(CloneFlags.Vm))
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
