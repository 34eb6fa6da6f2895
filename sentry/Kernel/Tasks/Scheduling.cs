namespace Sandbox.Sentry.Kernel.Tasks;

/// <summary>
/// What a thread has asked of the scheduler (sched(7)). The host schedules, so it is remembered and told, not enforced.
/// Immutable; a child starts with its maker's.
/// </summary>
internal sealed record Scheduling
{
    /// <summary>
    /// Most processors the mask knows (CONFIG_NR_CPUS of a distribution kernel is more;
    /// the sandbox's hosts have fewer).
    /// </summary>
    public const int MaxProcessors = 1024;

    public static Scheduling Default { get; } = new();

    /// <summary>SCHED_OTHER, FIFO, RR, BATCH, IDLE.</summary>
    public int Policy { get; init; }

    /// <summary>1 to 99 for the real-time policies, else 0.</summary>
    public int Priority { get; init; }

    public bool ResetsOnFork { get; init; }

    /// <summary>-20 to 19.</summary>
    public int Nice { get; init; }

    /// <summary>The processors it may run on, bit by bit; null for all.</summary>
    public ulong[]? Affinity { get; init; }

    /// <summary>ioprio_set(2).</summary>
    public int IoPriority { get; init; }

    /// <summary>prctl(PR_SET_TIMERSLACK), nanoseconds.</summary>
    public ulong TimerSlack { get; init; } = 50_000;

    /// <summary>What a child gets (SCHED_RESET_ON_FORK).</summary>
    public Scheduling ForChild() => ResetsOnFork
        ? this with { Policy = 0, Priority = 0, Nice = Math.Max(Nice, 0), ResetsOnFork = false }
        : this;
}
