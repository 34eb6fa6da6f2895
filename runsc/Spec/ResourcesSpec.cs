using System.Text.Json;
using System.Text.Json.Serialization;
using Sandbox.Sentry.Control;

namespace Sandbox.Runsc.Spec;

/// <summary>
/// Limits: "linux.resources" of config.json, and what <c>update --resources</c> reads; all of it, as the specification
/// has it. The host's cgroup gets it; what the Sentry itself enforces or shows goes to it as
/// <see cref="LimitsDescription"/>.
/// </summary>
internal sealed class ResourcesSpec
{
    public DeviceRuleSpec[]? Devices { get; set; }
    public MemorySpec? Memory { get; set; }
    public CpuSpec? Cpu { get; set; }
    public PidsSpec? Pids { get; set; }
    public BlockIOSpec? BlockIO { get; set; }
    public HugepageSpec[]? HugepageLimits { get; set; }
    public NetworkSpec? Network { get; set; }
    public Dictionary<string, string>? Unified { get; set; }
    public JsonElement? Rdma { get; set; }
}

/// <summary>Access of the container's processes to a device.</summary>
internal sealed class DeviceRuleSpec
{
    public bool Allow { get; set; }
    public string? Type { get; set; }
    public long? Major { get; set; }
    public long? Minor { get; set; }
    public string? Access { get; set; }
}

/// <summary>Bytes; -1 is unlimited.</summary>
internal sealed class MemorySpec
{
    public long? Limit { get; set; }
    public long? Reservation { get; set; }

    /// <summary>Memory and swap together.</summary>
    public long? Swap { get; set; }
    public long? Kernel { get; set; }
    [JsonPropertyName("kernelTCP")]
    public long? KernelTcp { get; set; }
    public ulong? Swappiness { get; set; }
    [JsonPropertyName("disableOOMKiller")]
    public bool? DisableOomKiller { get; set; }
    public bool? UseHierarchy { get; set; }
    public bool? CheckBeforeUpdate { get; set; }
}

/// <summary>Weights and quotas (microseconds).</summary>
internal sealed class CpuSpec
{
    public ulong? Shares { get; set; }
    public long? Quota { get; set; }
    public ulong? Burst { get; set; }
    public ulong? Period { get; set; }
    public long? RealtimeRuntime { get; set; }
    public ulong? RealtimePeriod { get; set; }
    public string? Cpus { get; set; }
    public string? Mems { get; set; }
    public long? Idle { get; set; }
}

/// <summary>How many tasks the container may have, counted inside the sandbox.</summary>
internal sealed class PidsSpec
{
    public long? Limit { get; set; }
}

/// <summary>Block device weights.</summary>
internal sealed class BlockIOSpec
{
    public ushort? Weight { get; set; }
    public ushort? LeafWeight { get; set; }
    public WeightDeviceSpec[]? WeightDevice { get; set; }
    public ThrottleDeviceSpec[]? ThrottleReadBpsDevice { get; set; }
    public ThrottleDeviceSpec[]? ThrottleWriteBpsDevice { get; set; }
    public ThrottleDeviceSpec[]? ThrottleReadIOPSDevice { get; set; }
    public ThrottleDeviceSpec[]? ThrottleWriteIOPSDevice { get; set; }
}

/// <summary>A weight for one block device.</summary>
internal sealed class WeightDeviceSpec
{
    public long Major { get; set; }
    public long Minor { get; set; }
    public ushort? Weight { get; set; }
    public ushort? LeafWeight { get; set; }
}

/// <summary>A limit of bytes or operations a second for one block device.</summary>
internal sealed class ThrottleDeviceSpec
{
    public long Major { get; set; }
    public long Minor { get; set; }
    public ulong Rate { get; set; }
}

/// <summary>A limit of huge pages of one size.</summary>
internal sealed class HugepageSpec
{
    public string? PageSize { get; set; }
    public ulong Limit { get; set; }
}

/// <summary>net_cls and net_prio.</summary>
internal sealed class NetworkSpec
{
    public uint? ClassID { get; set; }
}
