namespace Sandbox.Sentry.Control;

/// <summary>
/// A process to start: the first of a container, or one by exec. Comes from the operator, not from a guest.
/// </summary>
internal sealed class ProcessDescription
{
    public string[] Args { get; set; } = [];
    public string[] Env { get; set; } = [];
    public string Cwd { get; set; } = "/";
    public uint UserId { get; set; }
    public uint GroupId { get; set; }
    public uint[] AdditionalGroups { get; set; } = [];
    public uint? Umask { get; set; }

    /// <summary>Capability sets as bit masks (capabilities(7)).</summary>
    public ulong Bounding { get; set; }
    public ulong Effective { get; set; }
    public ulong Permitted { get; set; }
    public ulong Inheritable { get; set; }
    public ulong Ambient { get; set; }
    public LimitDescription[] Limits { get; set; } = [];
    public bool NoNewPrivileges { get; set; }
    public int OomScoreAdjust { get; set; }

    /// <summary>SCHED_* number (sched(7)); what programs are told, for the host schedules.</summary>
    public int SchedulingPolicy { get; set; }
    public int SchedulingPriority { get; set; }
    public bool SchedulingResetsOnFork { get; set; }
    public int Nice { get; set; }

    /// <summary>As ioprio_set(2) has it.</summary>
    public int IoPriority { get; set; }

    /// <summary>
    /// True if descriptor 0, 1 and 2 are a terminal of the container, bridged to the console given along.
    /// </summary>
    public bool HasTerminal { get; set; }

    /// <summary>The program's path, if it is not the first argument.</summary>
    public string? Program { get; set; }

    /// <summary>A hook of startContainer: it runs before the container's own process does.</summary>
    public bool IsHook { get; set; }

    /// <summary>How many descriptors above 2 the process gets (<c>--preserve-fds</c>).</summary>
    public int ExtraDescriptors { get; set; }
}

/// <summary>One resource limit by number (RLIMIT_*, getrlimit(2)); ulong.MaxValue is unlimited.</summary>
internal sealed class LimitDescription
{
    public int Resource { get; set; }
    public ulong Soft { get; set; }
    public ulong Hard { get; set; }
}
