using Sandbox.Sentry.Kernel.Containers;

namespace Sandbox.Sentry.Control;

/// <summary>
/// What of "linux.resources" the Sentry enforces or shows, as a message of the control socket: config.json's own form,
/// of which most is for the host's cgroup, is runsc's (ResourcesSpec) and never comes here. Null: not said; negative:
/// no limit.
/// </summary>
internal sealed class LimitsDescription
{
    public long? Tasks { get; set; }
    public long? Memory { get; set; }
    public long? MemoryAndSwap { get; set; }

    /// <summary>Microseconds.</summary>
    public long? CpuQuota { get; set; }

    /// <summary>Microseconds.</summary>
    public long? CpuPeriod { get; set; }
    public long? CpuShares { get; set; }

    /// <summary>CPU numbers, ascending; empty for all.</summary>
    public int[]? Processors { get; set; }

    /// <summary>The limits with these changes. 0 is what configurations write for "not said".</summary>
    public ContainerLimits ToKernel(ContainerLimits old) => old with
    {
        Tasks = Changed(Tasks, old.Tasks),
        Memory = Changed(Memory, old.Memory),
        MemoryAndSwap = Changed(MemoryAndSwap, old.MemoryAndSwap),
        CpuQuota = Changed(CpuQuota, old.CpuQuota),
        CpuPeriod = CpuPeriod is > 0 and { } period ? period : old.CpuPeriod,
        CpuShares = CpuShares is > 0 and { } shares ? shares : old.CpuShares,
        Processors = Processors ?? old.Processors,
    };

    private static long Changed(long? value, long old) => value switch
    {
        null or 0 => old,
        < 0 => ContainerLimits.Unlimited,
        { } limit => limit,
    };
}
