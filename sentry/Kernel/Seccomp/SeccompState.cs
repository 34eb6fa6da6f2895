namespace Sandbox.Sentry.Kernel.Seccomp;

/// <summary>One filter of a chain, newest first; tasks share the tails (seccomp(2)).</summary>
internal sealed class SeccompFilter(SeccompProgram program, SeccompFilter? previous)
{
    private const int ReportsMax = 16;
    private int _reports;

    public SeccompProgram Program { get; } = program;

    public SeccompFilter? Previous { get; } = previous;

    /// <summary>What it costs whoever installed it, for as long as anybody has it; null for the operator's.</summary>
    public Memory.CollectedCharge? Charge { get; init; }

    /// <summary>Where its "notify" answers go, or null.</summary>
    public SeccompListener? Listener { get; init; }

    /// <summary>Denials are logged, too (SECCOMP_FILTER_FLAG_LOG).</summary>
    public bool LogsDenials { get; init; }

    /// <summary>True while the operator's log has room for what this filter denies: a guest must not fill it.</summary>
    public bool MayReport() => Interlocked.Increment(ref _reports) <= ReportsMax;
}

/// <summary>
/// What a task is confined to. Immutable; <c>task.Seccomp</c> is null without confinement. For each call it is known
/// whether every filter allows it whatever the arguments: such calls cost one bit test.
/// </summary>
internal sealed class SeccompState
{
    private const int Calls = 512, BitsPerWord = 64, PathInstructionsMax = 32768, FilterPenalty = 4;

    private readonly ulong[] _always = new ulong[Calls / BitsPerWord];

    private SeccompState(SeccompFilter? filter, int count, int pathInstructions) =>
        (Filter, Count, _pathInstructions) = (filter, count, pathInstructions);

    private readonly int _pathInstructions;

    /// <summary>SECCOMP_MODE_STRICT: nothing but read, write, exit and rt_sigreturn.</summary>
    public static SeccompState Strict { get; } = new(null, 0, 0);

    /// <summary>The newest filter; null in strict mode.</summary>
    public SeccompFilter? Filter { get; }

    public int Count { get; }

    public bool IsStrict => Filter is null;

    /// <summary>PR_GET_SECCOMP: 1 strict, 2 filter.</summary>
    public int Mode => IsStrict ? 1 : 2;

    /// <summary>One filter more. Null if the chain would be too long (ENOMEM).</summary>
    public static SeccompState? Extend(SeccompState? old, SeccompFilter filter)
    {
        int path = (old?._pathInstructions ?? 0) + filter.Program.Length + FilterPenalty;
        if (path > PathInstructionsMax)
            return null;
        SeccompState made = new(filter, (old?.Count ?? 0) + 1, path);
        for (int number = 0; number < Calls; number++)
        {
            if ((old is null || old.AlwaysAllows(number)) && filter.Program.AlwaysAllows(number))
                made._always[number / BitsPerWord] |= 1ul << (number % BitsPerWord);
        }

        return made;
    }

    /// <summary>True if no filter has anything to say about this call.</summary>
    public bool AlwaysAllows(int number) =>
        (uint)number < Calls && (_always[number / BitsPerWord] & (1ul << (number % BitsPerWord))) != 0;

    /// <summary>Those of the platform's native calls that the Sentry must see.</summary>
    public int[] NotAlwaysAllowed(ReadOnlySpan<int> calls)
    {
        List<int> found = [];
        foreach (int number in calls)
        {
            if (!AlwaysAllows(number))
                found.Add(number);
        }

        return [.. found];
    }

    /// <summary>
    /// True if this is <paramref name="other"/> or was made from it: then other tasks may be moved on to it.
    /// </summary>
    public bool DescendsFrom(SeccompState? other)
    {
        if (other?.Filter is not { } ancestor)
            return other is null;
        for (SeccompFilter? filter = Filter; filter is not null; filter = filter.Previous)
        {
            if (filter == ancestor)
                return true;
        }

        return false;
    }
}
