using Sandbox.Runsc.Spec;

namespace Sandbox.Runsc.Cgroups;

/// <summary>
/// Limits in version 1 hierarchies. Tasks are not limited here: the sandbox's own threads would count; the Sentry limits
/// its guests.
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
                CgroupFile.Write($"{directory}/cpu.cfs_quota_us", cpu.Quota.Value);
        }

        if (hierarchy.Has("cpuset") && resources.Cpu is { } cpuset)
        {
            if (!string.IsNullOrEmpty(cpuset.Cpus))
                CgroupFile.Write($"{directory}/cpuset.cpus", cpuset.Cpus);
            if (!string.IsNullOrEmpty(cpuset.Mems))
                CgroupFile.Write($"{directory}/cpuset.mems", cpuset.Mems);
        }

        if (hierarchy.Has("blkio") && resources.BlockIO?.Weight is > 0 and { } weight)
            CgroupFile.Write($"{directory}/blkio.weight", weight);
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
        if (memory.Swappiness is { } swappiness)
            CgroupFile.Write($"{directory}/memory.swappiness", (long)swappiness);
    }
}
