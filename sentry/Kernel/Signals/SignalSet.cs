using System.Numerics;
using Sandbox.Linux;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>A set of signals as sigset_t has it: bit N-1 is signal N.</summary>
internal readonly record struct SignalSet(ulong Mask)
{
    public static SignalSet Empty => default;

    /// <summary>Every signal.</summary>
    public static SignalSet Full => new(ulong.MaxValue);

    /// <summary>SIGKILL and SIGSTOP: nothing blocks, ignores or catches them.</summary>
    public static SignalSet Unblockable => Of(Signal.Kill) | Of(Signal.Stop);

    public bool IsEmpty => Mask == 0;

    /// <summary>The member with the lowest number; the set is not empty.</summary>
    public Signal Lowest => (Signal)(BitOperations.TrailingZeroCount(Mask) + 1);

    public static SignalSet Of(Signal signal) => new(1ul << ((int)signal - 1));

    public bool Has(Signal signal) => (Mask & (1ul << ((int)signal - 1))) != 0;

    public static SignalSet operator |(SignalSet a, SignalSet b) => new(a.Mask | b.Mask);

    public static SignalSet operator &(SignalSet a, SignalSet b) => new(a.Mask & b.Mask);

    public static SignalSet operator ~(SignalSet set) => new(~set.Mask);
}
