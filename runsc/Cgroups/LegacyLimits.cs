using Sandbox.Runsc.Spec;

namespace Sandbox.Runsc.Cgroups;

/// <summary>
/// Limits in version 1 hierarchies. Tasks are not limited here: the sandbox's own threads would count; the Sentry
/// limits its guests.
/// </summary>
internal static class LegacyLimits
{
    public static void Apply(CgroupHierarchy hierarchy, string directory, ResourcesSpec resources)
    {
        if (hierarchy.Has("memory") && resources.Memory is { } memory)
            ApplyMemory(directory, memory);
        if (hierarchy.Has("cpu") && resources.Cpu is { } cpu)
        {
            if (cpu.Shares is > 0 and { } shares)
                CgroupFile.Write($"{directory}/cpu.shares", (long)shares);
            if (cpu.Period is > 0 and { } period)
                CgroupFile.Write($"{directory}/cpu.cfs_period_us", (long)period);
            if (cpu.Quota is not (null or 0))
                CgroupFile.Write($"{directory}/cpu.cfs_quota_us", Math.Max(-1, cpu.Quota.Value));
            if (cpu.Burst is { } burst)
                CgroupFile.Write($"{directory}/cpu.cfs_burst_us", (long)burst);
            if (cpu.Idle is { } idle)
                CgroupFile.Write($"{directory}/cpu.idle", idle);
            if (cpu.RealtimePeriod is > 0 and { } realtimePeriod)
                CgroupFile.Write($"{directory}/cpu.rt_period_us", (long)realtimePeriod);
            if (cpu.RealtimeRuntime is not (null or 0))
                CgroupFile.Write($"{directory}/cpu.rt_runtime_us", cpu.RealtimeRuntime.Value);
        }

        if (hierarchy.Has("cpuset") && resources.Cpu is { } cpuset)
        {
            if (!string.IsNullOrEmpty(cpuset.Cpus))
                CgroupFile.Write($"{directory}/cpuset.cpus", cpuset.Cpus);
            if (!string.IsNullOrEmpty(cpuset.Mems))
                CgroupFile.Write($"{directory}/cpuset.mems", cpuset.Mems);
        }

        if (hierarchy.Has("blkio") && resources.BlockIO is { } block)
            ApplyBlock(directory, block);
        foreach (HugepageSpec huge in hierarchy.Has("hugetlb") ? resources.HugepageLimits ?? [] : [])
        {
            if (huge.PageSize is { } size && !size.Contains('/', StringComparison.Ordinal))
                CgroupFile.Write(
                    $"{directory}/hugetlb.{size}.limit_in_bytes", (long)Math.Min(huge.Limit, long.MaxValue));
        }
    }

    private static void ApplyBlock(string directory, BlockIOSpec block)
    {
        if (block.Weight is > 0 and { } weight)
            CgroupFile.Write($"{directory}/blkio.weight", weight);
        if (block.LeafWeight is > 0 and { } leaf)
            CgroupFile.Write($"{directory}/blkio.leaf_weight", leaf);
        foreach (WeightDeviceSpec device in block.WeightDevice ?? [])
        {
            if (device.Weight is { } own)
                CgroupFile.Write($"{directory}/blkio.weight_device", $"{device.Major}:{device.Minor} {own}");
        }

        ReadOnlySpan<(string File, ThrottleDeviceSpec[]? Devices)> throttles =
        [
            ("read_bps", block.ThrottleReadBpsDevice), ("write_bps", block.ThrottleWriteBpsDevice),
            ("read_iops", block.ThrottleReadIOPSDevice), ("write_iops", block.ThrottleWriteIOPSDevice),
        ];
        foreach ((string file, ThrottleDeviceSpec[]? devices) in throttles)
        {
            foreach (ThrottleDeviceSpec device in devices ?? [])
                CgroupFile.Write(
                    $"{directory}/blkio.throttle.{file}_device", $"{device.Major}:{device.Minor} {device.Rate}");
        }
    }

    private static void ApplyMemory(string directory, MemorySpec memory)
    {
        if (memory.Reservation is not (null or 0))
            CgroupFile.Write($"{directory}/memory.soft_limit_in_bytes", memory.Reservation.Value);
        // The limit must never be above limit and swap together: which of them comes first depends on the old values.
        bool hasLimit = memory.Limit is not (null or 0), hasSwap = memory.Swap is not (null or 0);
        bool swapFirst = hasSwap && CgroupFile.TryWrite(
            $"{directory}/memory.memsw.limit_in_bytes",
            memory.Swap!.Value.ToString(System.Globalization.CultureInfo.InvariantCulture)) == Linux.Errno.Ok;
        if (hasLimit)
            CgroupFile.Write($"{directory}/memory.limit_in_bytes", memory.Limit!.Value);
        if (hasSwap && !swapFirst)
            CgroupFile.Write($"{directory}/memory.memsw.limit_in_bytes", memory.Swap!.Value);
        if (memory.KernelTcp is not (null or 0))
            CgroupFile.Write($"{directory}/memory.kmem.tcp.limit_in_bytes", memory.KernelTcp.Value);
        if (memory.DisableOomKiller == true)
            CgroupFile.Write($"{directory}/memory.oom_control", "1");
        if (memory.Swappiness is { } swappiness)
            CgroupFile.Write($"{directory}/memory.swappiness", (long)swappiness);
    }
}
