using Sandbox.Linux;

namespace Sandbox.Platform.Stubs;

/// <summary>The host signals the stub handles.</summary>
internal static class StubSignals
{
    /// <summary>
    /// Brings a thread in. SIGSTKFLT: the kernel never sends it, and below 32 it does not queue twice.
    /// </summary>
    public const int Kick = (int)Signal.StackFault;

    /// <summary>The kick in a signal mask.</summary>
    public const ulong KickBit = 1ul << (Kick - 1);

    /// <summary>
    /// SA_SIGINFO, SA_ONSTACK, SA_RESTORER; the kick restarts a call that was not received yet (SA_RESTART).
    /// </summary>
    public const ulong FaultFlags = 4 | 0x0800_0000 | 0x0400_0000, KickFlags = FaultFlags | 0x1000_0000;

    public static ReadOnlySpan<int> All =>
    [
        (int)Signal.IllegalInstruction, (int)Signal.Trap, (int)Signal.Bus, (int)Signal.FloatingPoint,
        (int)Signal.Segment,
        (int)Signal.BadSystemCall, Kick,
    ];
}
