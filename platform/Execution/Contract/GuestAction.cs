namespace Sandbox.Platform;

/// <summary>How a guest thread goes on.</summary>
public enum GuestActionKind
{
    /// <summary>The call answers <see cref="GuestAction.Value"/>.</summary>
    Return,

    /// <summary>
    /// The call answers Value, and the thread comes straight back to OnInterrupt before it runs any guest code.
    /// </summary>
    ReturnThenInterrupt,

    /// <summary>
    /// The host executes the guest's own call with its own registers, which the handler verified. For an mmap of a file
    /// <see cref="GuestAction.HostFd"/> is lent at the descriptor number the guest passed.
    /// Never for a call that takes a pointer.
    /// </summary>
    ExecuteOnHost,

    /// <summary>As ExecuteOnHost, then OnInterrupt.</summary>
    ExecuteThenInterrupt,

    /// <summary>Resume with <see cref="IGuestThread.Registers"/> as they stand (only with full state).</summary>
    Resume,

    /// <summary>The thread ends; OnExit follows.</summary>
    Exit,
}

/// <summary>A handler's answer.</summary>
public readonly record struct GuestAction(GuestActionKind Kind, long Value = 0, int HostFd = -1)
{
    public static GuestAction Resume => new(GuestActionKind.Resume);
    public static GuestAction Exit => new(GuestActionKind.Exit);

    public static GuestAction Return(long value) => new(GuestActionKind.Return, value);
    public static GuestAction ReturnThenInterrupt(long value) => new(GuestActionKind.ReturnThenInterrupt, value);
    public static GuestAction ExecuteOnHost(int hostFd = -1) => new(GuestActionKind.ExecuteOnHost, 0, hostFd);
}
