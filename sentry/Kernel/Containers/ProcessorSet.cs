using System.Globalization;

namespace Sandbox.Sentry.Kernel.Containers;

/// <summary>
/// The CPUs of a container: those of its cpuset, and of these no more than its quota could keep busy, so that programs
/// which ask sched_getaffinity(2) start as many threads as make sense.
/// </summary>
internal static class ProcessorSet
{
    /// <summary>The CPUs the host has of the container's cpuset, ascending; at least one.</summary>
    public static int[] Of(ContainerLimits limits, int count)
    {
        List<int> found = [];
        foreach (int processor in limits.Processors)
        {
            if (processor < count)
                found.Add(processor);
        }

        if (limits.Processors.Length == 0)
        {
            for (int processor = 0; processor < count; processor++)
                found.Add(processor);
        }

        return found.Count > 0 ? [.. found] : [0];
    }

    /// <summary>The CPUs that sched_getaffinity(2) shows.</summary>
    public static int[] Allowed(ContainerLimits limits, int count)
    {
        int[] processors = Of(limits, count);
        if (limits.CpuQuota == ContainerLimits.Unlimited)
            return processors;
        long worth = Math.Max(1, (limits.CpuQuota + limits.CpuPeriod - 1) / limits.CpuPeriod);
        return worth < processors.Length ? processors[..(int)worth] : processors;
    }

    /// <summary>As bits, in words of 64.</summary>
    public static ulong[] Mask(ReadOnlySpan<int> processors, int words)
    {
        ulong[] mask = new ulong[words];
        foreach (int processor in processors)
        {
            if (processor / 64 < words)
                mask[processor / 64] |= 1ul << (processor % 64);
        }

        return mask;
    }

    /// <summary>As a list of ranges: "0-2,5" (cpuset(7)).</summary>
    public static string Format(ReadOnlySpan<int> processors)
    {
        List<string> ranges = [];
        for (int start = 0, end; start < processors.Length; start = end)
        {
            for (end = start + 1; end < processors.Length && processors[end] == processors[end - 1] + 1;)
                end++;
            ranges.Add(end - start == 1
                ? processors[start].ToString(CultureInfo.InvariantCulture)
                : string.Create(CultureInfo.InvariantCulture, $"{processors[start]}-{processors[end - 1]}"));
        }

        return string.Join(',', ranges);
    }
}
