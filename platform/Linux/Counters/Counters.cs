using System.Numerics;

namespace Sandbox.Linux;

/// <summary>
/// Counts events without locks, interlocked operations or (after a thread's first event of a kind) allocation: every
/// host thread has a block of its own, and a reader adds them up. Numbers only grow, also when threads end.
/// </summary>
public static class Counters
{
    /// <summary>System calls with this number or a higher one share the last place.</summary>
    public const int SyscallsMax = 512;

    /// <summary>
    /// Places of a latency histogram: place n counts calls that took from 2^n to 2^(n+1)-1 ns,
    /// the last all longer ones.
    /// </summary>
    public const int LatencyBuckets = 40;

    [ThreadStatic]
    private static CounterBlock? _mine;

    /// <summary>Latencies of system calls are wanted: two clock readings a call. Set at start.</summary>
    public static bool MeasuresLatency { get; set; }

    private static CounterBlock Mine => _mine ??= CounterBlock.Begin();

    public static void Add(Counter counter, long amount = 1) =>
        Mine.Events[CounterBlock.Padding + (int)counter] += amount;

    public static void AddSyscall(int number) => Mine.Calls(Place(number))++;

    /// <summary>For a call that was counted: how long it took, waiting included.</summary>
    public static void AddLatency(int number, long nanoseconds)
    {
        long[] histogram = Mine.Latency(Place(number));
        histogram[Math.Min(BitOperations.Log2((ulong)Math.Max(nanoseconds, 1)), LatencyBuckets - 1)]++;
        histogram[LatencyBuckets] += nanoseconds;
    }

    /// <summary>The sums over all threads.</summary>
    public static CounterTotals Read()
    {
        CounterTotals totals = new();
        CounterBlock.AddAll(totals);
        return totals;
    }

    private static int Place(int number) => (uint)number < SyscallsMax ? number : SyscallsMax - 1;
}
