using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Kernel.Containers;

/// <summary>What the processes of a container use together.</summary>
internal static class ContainerProcesses
{
    /// <summary>Its living processes. With Tree held.</summary>
    public static List<ThreadGroup> Of(Kernel kernel, Container container)
    {
        List<ThreadGroup> groups = [];
        foreach (KeyValuePair<int, Pid> entry in kernel.RootPids.Pids)
        {
            if (entry.Value.ThreadGroup is { IsZombie: false } group && group.Leader.Namespaces.Container == container)
                groups.Add(group);
        }

        return groups;
    }

    /// <summary>
    /// CPU time of its processes and those they have waited for. Reads files of the host: without Tree held.
    /// </summary>
    public static CpuTime TimeOf(Kernel kernel, Container container)
    {
        List<ThreadGroup> groups;
        using (kernel.Tree.Enter())
            groups = Of(kernel, container);
        CpuTime sum = default;
        foreach (ThreadGroup group in groups)
            sum += CpuTime.OfGroup(group) + new CpuTime(group.ChildrenUserTime, group.ChildrenSystemTime);
        return sum;
    }

    /// <summary>
    /// Periods that ended, those in which the quota was used up, and nanoseconds lost to that, as the host counts them.
    /// </summary>
    public static (long Periods, long Throttled, long Nanoseconds) ThrottlingOf(Container container)
    {
        const long microsecond = 1000;
        if (container.Cgroup is not { } cgroup)
            return default;
        long time = cgroup.ReadNumber(HostCgroupFile.CpuStat, "throttled_time"u8); // Version 1.
        if (time == 0)
            time = cgroup.ReadNumber(HostCgroupFile.CpuStat, "throttled_usec"u8) * microsecond;
        return (cgroup.ReadNumber(HostCgroupFile.CpuStat, "nr_periods"u8),
            cgroup.ReadNumber(HostCgroupFile.CpuStat, "nr_throttled"u8), time);
    }
}
