namespace Sandbox.Sentry.Control;

/// <summary>Everything a sandbox counts, for <c>metrics</c>. Numbers grow from the sandbox's start on.</summary>
internal sealed class CounterReport
{
    /// <summary>By the names of <see cref="Linux.Counter"/>.</summary>
    public List<CounterEntry> Counters { get; set; } = [];

    /// <summary>What there is at the moment.</summary>
    public List<GaugeEntry> Gauges { get; set; } = [];

    /// <summary>The calls that were made at least once.</summary>
    public List<SyscallEntry> Syscalls { get; set; } = [];
}

/// <summary>How often something happened.</summary>
internal sealed class CounterEntry
{
    public string Name { get; set; } = string.Empty;
    public long Value { get; set; }
}

/// <summary>How much there is of something.</summary>
internal sealed class GaugeEntry
{
    public string Name { get; set; } = string.Empty;
    public string Title { get; set; } = string.Empty;
    public double Value { get; set; }
}

/// <summary>One system call.</summary>
internal sealed class SyscallEntry
{
    public string Name { get; set; } = string.Empty;
    public long Count { get; set; }

    /// <summary>
    /// Place n counts the calls that took from 2^n to 2^(n+1)-1 ns; behind the last place the sum of all. Null unless
    /// latencies are measured.
    /// </summary>
    public long[]? Latency { get; set; }
}

/// <summary>One guest thread and what it does, for <c>debug --tasks</c>.</summary>
internal sealed class TaskEntry
{
    /// <summary>Ids inside the container.</summary>
    public int Process { get; set; }
    public int Thread { get; set; }
    public string Name { get; set; } = string.Empty;

    /// <summary>R: runs guest code, S: in a call, T: stopped.</summary>
    public string State { get; set; } = string.Empty;

    /// <summary>The call it is in, or null.</summary>
    public string? Syscall { get; set; }

    /// <summary>The call's six arguments as registers.</summary>
    public ulong[]? Arguments { get; set; }

    /// <summary>What it waits for, as /proc/PID/wchan says it; "0" if it does not.</summary>
    public string Channel { get; set; } = "0";

    /// <summary>
    /// For --stacks: registers, then return addresses, one a line; null if it could not be looked at.
    /// </summary>
    public List<string>? Stack { get; set; }
}
