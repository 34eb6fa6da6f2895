using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Sys;

/// <summary>The files of version 1's controllers (cgroups(7), the kernel's cgroup-v1 documentation).</summary>
internal static class LegacyCgroupFiles
{
    /// <summary>What version 1 writes for "no limit": the largest number of whole pages.</summary>
    private const long NoLimit = long.MaxValue / PageBytes * PageBytes;

    private const long PageBytes = PageSize.Bytes;

    public static void AddMemory(StaticFileSystem files, Kernel.Kernel kernel)
    {
        CgroupTree.AddConstants(files,
        [
            ("memory.use_hierarchy", "1"), ("memory.swappiness", "60"), ("memory.failcnt", "0"),
            ("memory.memsw.failcnt", "0"),
            ("memory.kmem.usage_in_bytes", "0"), ("memory.kmem.tcp.usage_in_bytes", "0"),
            ("memory.move_charge_at_immigrate", "0"),
        ]);
        foreach (string name in (ReadOnlySpan<string>)
            ["memory.soft_limit_in_bytes", "memory.kmem.limit_in_bytes", "memory.kmem.tcp.limit_in_bytes"])
        {
            CgroupTree.Add(files, name, static (_, text) => CgroupTree.AppendLine(text, NoLimit));
        }

        foreach (string name in (ReadOnlySpan<string>)
        [
            "memory.usage_in_bytes", "memory.max_usage_in_bytes", "memory.memsw.usage_in_bytes",
            "memory.memsw.max_usage_in_bytes",
        ])
        {
            CgroupTree.Add(files, name, (container, text) => CgroupTree.AppendUse(kernel, container, text));
        }

        CgroupTree.Add(
            files, "memory.limit_in_bytes", static (container, text) =>
                CgroupTree.AppendLine(text, Limit(container.Limits.Memory)));
        CgroupTree.Add(
            files,
            "memory.memsw.limit_in_bytes",
            static (container, text) => CgroupTree.AppendLine(text, Limit(container.Limits.MemoryAndSwap)));
        CgroupTree.Add(files, "memory.oom_control", static (container, text) => CgroupTree.AppendRows(
            text, [("oom_kill_disable", 0), ("under_oom", 0),
                ("oom_kill", MemoryLimiter.OutOfMemoryKills(container))]));
        CgroupTree.Add(files, "memory.stat", (container, text) => AppendStatistics(kernel, container, text));
    }

    public static void AddCpu(StaticFileSystem files)
    {
        CgroupTree.AddConstants(
            files, [("cpu.rt_period_us", "1000000"), ("cpu.rt_runtime_us", "0"), ("cpu.cfs_burst_us", "0")]);
        CgroupTree.Add(
            files, "cpu.shares", static (container, text) => CgroupTree.AppendLine(text, container.Limits.CpuShares));
        CgroupTree.Add(
            files, "cpu.cfs_period_us", static (container, text) =>
                CgroupTree.AppendLine(text, container.Limits.CpuPeriod));
        CgroupTree.Add(files, "cpu.cfs_quota_us", static (container, text) => CgroupTree.AppendLine(
            text, container.Limits.CpuQuota == ContainerLimits.Unlimited ? -1 : container.Limits.CpuQuota));
        CgroupTree.Add(files, "cpu.stat", static (container, text) =>
        {
            (long periods, long throttled, long time) = ContainerProcesses.ThrottlingOf(container);
            CgroupTree.AppendRows(
                text, [("nr_periods", periods), ("nr_throttled", throttled), ("throttled_time", time)]);
        });
    }

    public static void AddCpuAccounting(StaticFileSystem files, Kernel.Kernel kernel)
    {
        CgroupTree.Add(files, "cpuacct.usage", (container, text) =>
            CgroupTree.AppendLine(text, ContainerProcesses.TimeOf(kernel, container).Total));
        CgroupTree.Add(files, "cpuacct.usage_user", (container, text) =>
            CgroupTree.AppendLine(text, ContainerProcesses.TimeOf(kernel, container).User));
        CgroupTree.Add(files, "cpuacct.usage_sys", (container, text) =>
            CgroupTree.AppendLine(text, ContainerProcesses.TimeOf(kernel, container).System));
        CgroupTree.Add(files, "cpuacct.usage_percpu", (container, text) =>
        {
            // The host moves threads about as it likes; nobody counts by CPU.
            int count = kernel.Host.CpuCount;
            long each = ContainerProcesses.TimeOf(kernel, container).Total / count;
            for (int cpu = 0; cpu < count; cpu++)
                text.Append(each).Append((byte)' ');
            text.Append((byte)'\n');
        });
        CgroupTree.Add(files, "cpuacct.stat", (container, text) =>
        {
            CpuTime used = ContainerProcesses.TimeOf(kernel, container);
            CgroupTree.AppendRows(
                text, [("user", CpuTime.ToTicks(used.User)), ("system", CpuTime.ToTicks(used.System))]);
        });
    }

    public static void AddCpuset(StaticFileSystem files, Kernel.Kernel kernel)
    {
        CgroupTree.AddConstants(files,
        [
            ("cpuset.mems", "0"), ("cpuset.effective_mems", "0"), ("cpuset.cpu_exclusive", "0"),
            ("cpuset.mem_exclusive", "0"),
            ("cpuset.sched_load_balance", "1"), ("cpuset.memory_migrate", "0"),
        ]);
        foreach (string name in (ReadOnlySpan<string>)["cpuset.cpus", "cpuset.effective_cpus"])
        {
            CgroupTree.Add(files, name, (container, text) =>
                text.AppendLine(ProcessorSet.Format(ProcessorSet.Of(container.Limits, kernel.Host.CpuCount))));
        }
    }

    private static void AppendStatistics(Kernel.Kernel kernel, Container container, ByteBuilder text)
    {
        ContainerMemory memory = ContainerMemory.Measure(kernel, container);
        ReadOnlySpan<(string Key, long Value)> rows =
        [
            ("cache", memory.Mapped + memory.Files), ("rss", memory.Anonymous), ("rss_huge", 0),
            ("shmem", memory.Files),
            ("mapped_file", memory.Mapped), ("dirty", 0), ("writeback", 0), ("swap", 0), ("pgpgin", 0), ("pgpgout", 0),
            ("pgfault", 0), ("pgmajfault", 0), ("inactive_anon", memory.Files), ("active_anon", memory.Anonymous),
            ("inactive_file", memory.Mapped), ("active_file", 0), ("unevictable", 0),
        ];
        CgroupTree.AppendRows(text, rows);
        CgroupTree.AppendRows(text,
        [
            ("hierarchical_memory_limit", Limit(container.Limits.Memory)),
            ("hierarchical_memsw_limit", Limit(container.Limits.MemoryAndSwap)),
        ]);
        foreach ((string key, long value) in rows)
            CgroupTree.AppendRows(text, [("total_" + key, value)]);
    }

    private static long Limit(long limit) =>
        limit == ContainerLimits.Unlimited ? NoLimit : limit / PageBytes * PageBytes;
}
