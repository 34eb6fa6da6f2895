namespace Sandbox.Linux;

/// <summary>
/// What <see cref="Counters"/> had counted at one moment, over all threads. Parts may be a few events apart.
/// </summary>
public sealed class CounterTotals
{
    /// <summary>By <see cref="Counter"/>.</summary>
    public long[] Events { get; } = new long[(int)Counter.Count];

    /// <summary>Calls by number.</summary>
    public long[] Syscalls { get; } = new long[Counters.SyscallsMax];

    /// <summary>
    /// Histograms by number, as <see cref="Counters.LatencyBuckets"/> describes them, with the sum of all latencies
    /// behind; null where nothing was measured.
    /// </summary>
    public long[]?[] Latency { get; } = new long[Counters.SyscallsMax][];

    public long Of(Counter counter) => Events[(int)counter];

    public long AllSyscalls
    {
        get
        {
            long sum = 0;
            foreach (long count in Syscalls)
                sum += count;
            return sum;
        }
    }

    /// <summary>
    /// The latency that a share (0 to 1) of a histogram's calls did not exceed, nanoseconds:
    /// the upper end of its place. 0 without calls.
    /// </summary>
    public static long Quantile(ReadOnlySpan<long> histogram, double share)
    {
        long all = 0;
        foreach (long count in histogram[..Counters.LatencyBuckets])
            all += count;
        long left = (long)Math.Ceiling(all * share);
        for (int place = 0; place < Counters.LatencyBuckets && all > 0; place++)
        {
            left -= histogram[place];
            if (left <= 0)
                return (2L << place) - 1;
        }

        return 0;
    }
}
