namespace Sandbox.Linux;

/// <summary>
/// One thread's counts. Only its thread writes; anyone may read. A block outlives its thread and is taken over, counts
/// and all, by a later one: the sums stay right, and there are never more blocks than there were threads at one time.
/// </summary>
internal sealed class CounterBlock
{
    /// <summary>Unused words before and after the hot ones: no cache line of two threads.</summary>
    public const int Padding = 8;

    private const int CallsPerPart = 64, SearchLimit = 32;

    private static readonly Lock _lock = new();
    private static readonly List<CounterBlock> _all = []; // Guarded by _lock.
    private static int _next; // Guarded by _lock.

    private readonly long[]?[] _calls = new long[Counters.SyscallsMax / CallsPerPart][];
    private long[]?[]? _latency;
    private Thread _owner = Thread.CurrentThread; // Guarded by _lock.

    public long[] Events { get; } = new long[Padding + (int)Counter.Count + Padding];

    /// <summary>The calling thread's block, for the rest of its life.</summary>
    public static CounterBlock Begin()
    {
        lock (_lock)
        {
            for (int tried = 0; tried < Math.Min(_all.Count, SearchLimit); tried++)
            {
                CounterBlock block = _all[_next++ % _all.Count];
                if (block._owner.IsAlive)
                    continue;
                block._owner = Thread.CurrentThread;
                return block;
            }

            CounterBlock made = new();
            _all.Add(made);
            return made;
        }
    }

    public static void AddAll(CounterTotals totals)
    {
        lock (_lock)
        {
            foreach (CounterBlock block in _all)
                block.AddTo(totals);
        }
    }

    public ref long Calls(int number)
    {
        long[]? part = _calls[number / CallsPerPart] ?? AddPart(number / CallsPerPart);
        return ref part[Padding + (number % CallsPerPart)];
    }

    public long[] Latency(int number)
    {
        _latency ??= new long[Counters.SyscallsMax][];
        return _latency[number] ?? AddHistogram(number);
    }

    private long[] AddPart(int index)
    {
        long[] part = new long[Padding + CallsPerPart + Padding];
        Volatile.Write(ref _calls[index], part);
        return part;
    }

    private long[] AddHistogram(int number)
    {
        long[] histogram = new long[Counters.LatencyBuckets + 1];
        Volatile.Write(ref _latency![number], histogram);
        return histogram;
    }

    private void AddTo(CounterTotals totals)
    {
        for (int index = 0; index < (int)Counter.Count; index++)
            totals.Events[index] += Volatile.Read(ref Events[Padding + index]);
        for (int number = 0; number < Counters.SyscallsMax; number++)
        {
            if (Volatile.Read(ref _calls[number / CallsPerPart]) is { } part)
                totals.Syscalls[number] += Volatile.Read(ref part[Padding + (number % CallsPerPart)]);
            if (Volatile.Read(ref _latency) is { } latency && Volatile.Read(ref latency[number]) is { } histogram)
                AddHistogram(totals.Latency[number] ??= new long[Counters.LatencyBuckets + 1], histogram);
        }
    }

    private static void AddHistogram(long[] sums, long[] histogram)
    {
        for (int index = 0; index < sums.Length; index++)
            sums[index] += Volatile.Read(ref histogram[index]);
    }
}
