using System.Globalization;
using Sandbox.Runsc.Spec;

namespace Sandbox.Runsc.Cgroups;

/// <summary>Limits in the version 2 hierarchy, converted from version 1's units as the runtime specification says.</summary>
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
                CgroupFile.Write($"{directory}/memory.swap.max", OrMax(memory.Swap == -1 ? -1 : memory.Swap!.Value - memory.Limit!.Value));
        }

        if (resources.Cpu is { } cpu)
            ApplyCpu(directory, cpu);
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

        if (!string.IsNullOrEmpty(cpu.Cpus))
            CgroupFile.Write($"{directory}/cpuset.cpus", cpu.Cpus);
        if (!string.IsNullOrEmpty(cpu.Mems))
            CgroupFile.Write($"{directory}/cpuset.mems", cpu.Mems);
    }

    private static string OrMax(long value) => value < 0 ? "max" : value.ToString(CultureInfo.InvariantCulture);
}
