namespace Sandbox.Runsc.Spec;

/// <summary>sched_setattr(2) for the process.</summary>
internal sealed class SchedulerSpec
{
    /// <summary>In the order of their numbers.</summary>
    public static readonly string[] Policies =
        ["SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_ISO", "SCHED_IDLE", "SCHED_DEADLINE"];

    public string? Policy { get; set; }
    public int? Nice { get; set; }
    public int? Priority { get; set; }
    public string[]? Flags { get; set; }
    public ulong? Runtime { get; set; }
    public ulong? Deadline { get; set; }
    public ulong? Period { get; set; }
}

/// <summary>ioprio_set(2) for the process.</summary>
internal sealed class IoPrioritySpec
{
    private const int ClassShift = 13;

    /// <summary>In the order of their numbers, from 1.</summary>
    public static readonly string[] Classes = ["IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"];

    public string? Class { get; set; }
    public int Priority { get; set; }

    /// <summary>As ioprio_set(2) has it: class and level in one number.</summary>
    public int ToNumber() => ((Array.IndexOf(Classes, Class) + 1) << ClassShift) | Priority;
}

/// <summary>personality(2).</summary>
internal sealed class PersonalitySpec
{
    public string? Domain { get; set; }
    public string[]? Flags { get; set; }
}
