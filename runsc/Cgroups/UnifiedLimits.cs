using System.Globalization;
using Sandbox.Runsc.Spec;

namespace Sandbox.Runsc.Cgroups;

/// <summary>
/// Limits in the version 2 hierarchy, converted from version 1's units as the runtime specification says.
/// </summary>
internal static class UnifiedLimits
{
    private const ulong DefaultPeriod = 100_000;

    public static void Apply(string directory, ResourcesSpec resources)
    {
        if (resources.Memory is { } memory)
        {
            if (memory.Limit is not (null or 0))
                CgroupFile.Write($"{directory}/memory.max", OrMax(memory.Limit.Value));
            if (memory.Reservation is not (null or 0))
                CgroupFile.Write($"{directory}/memory.low", OrMax(memory.Reservation.Value));
            if (memory.Swap is not (null or 0) && memory.Limit is > 0 || memory.Swap == -1)
                CgroupFile.Write($"{directory}/memory.swap.max", OrMax(
                    memory.Swap == -1 ? -1 : memory.Swap!.Value - memory.Limit!.Value));
        }

        if (resources.Cpu is { } cpu)
            ApplyCpu(directory, cpu);
        if (resources.BlockIO is { } block)
            ApplyBlock(directory, block);
        foreach (HugepageSpec huge in resources.HugepageLimits ?? [])
        {
            if (huge.PageSize is { } size && !size.Contains('/', StringComparison.Ordinal))
                CgroupFile.Write($"{directory}/hugetlb.{size}.max", (long)Math.Min(huge.Limit, long.MaxValue));
        }

        foreach ((string file, string value) in resources.Unified ?? [])
        {
            if (!file.Contains('/', StringComparison.Ordinal))
                CgroupFile.Write($"{directory}/{file}", value);
        }
    }

    /// <summary>Weight, quota and the CPUs to run on.</summary>
    public static void ApplyCpu(string directory, CpuSpec cpu)
    {
        if (cpu.Shares is > 1 and { } shares)
            CgroupFile.Write($"{directory}/cpu.weight", (long)(1 + ((Math.Min(shares, 262_144) - 2) * 9999 / 262_142)));
        if (cpu.Quota is not (null or 0) || cpu.Period is > 0)
        {
            string quota = cpu.Quota is > 0 and { } limit ? limit.ToString(CultureInfo.InvariantCulture) : "max";
            string period = (cpu.Period ?? DefaultPeriod).ToString(CultureInfo.InvariantCulture);
            CgroupFile.Write($"{directory}/cpu.max", $"{quota} {period}");
        }

        if (cpu.Burst is { } burst)
            CgroupFile.Write($"{directory}/cpu.max.burst", (long)burst);
        if (cpu.Idle is { } idle)
            CgroupFile.Write($"{directory}/cpu.idle", idle);
        if (!string.IsNullOrEmpty(cpu.Cpus))
            CgroupFile.Write($"{directory}/cpuset.cpus", cpu.Cpus);
        if (!string.IsNullOrEmpty(cpu.Mems))
            CgroupFile.Write($"{directory}/cpuset.mems", cpu.Mems);
    }

    private static void ApplyBlock(string directory, BlockIOSpec block)
    {
        if (block.Weight is >= 10 and { } weight)
            CgroupFile.Write($"{directory}/io.weight", 1 + ((weight - 10) * 9999 / 990));
        ReadOnlySpan<(string Key, ThrottleDeviceSpec[]? Devices)> throttles =
        [
            ("rbps", block.ThrottleReadBpsDevice), ("wbps", block.ThrottleWriteBpsDevice),
            ("riops", block.ThrottleReadIOPSDevice), ("wiops", block.ThrottleWriteIOPSDevice),
        ];
        foreach ((string key, ThrottleDeviceSpec[]? devices) in throttles)
        {
            foreach (ThrottleDeviceSpec device in devices ?? [])
                CgroupFile.Write($"{directory}/io.max", $"{device.Major}:{device.Minor} {key}={device.Rate}");
        }
    }

    private static string OrMax(long value) => value < 0 ? "max" : value.ToString(CultureInfo.InvariantCulture);
}
