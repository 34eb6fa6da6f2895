using System.Globalization;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Sys;

/// <summary>
/// What a container sees of cgroups: itself as the root of version 2, or of version 1's hierarchies, with its limits
/// and use to read and nothing to change (cgroups(7)). Whose they are is decided by who reads.
/// </summary>
internal static class CgroupTree
{
    /// <summary>Version 2's only hierarchy.</summary>
    public static void FillUnified(StaticFileSystem files, Kernel.Kernel kernel)
    {
        ReadOnlySpan<(string Name, string Value)> constants =
        [
            ("cgroup.controllers", "cpuset cpu io memory pids"), ("cgroup.subtree_control", ""),
            ("cgroup.type", "domain"),
            ("cgroup.max.depth", "max"), ("cgroup.max.descendants", "max"), ("cgroup.freeze", "0"),
            ("cgroup.events", "populated 1\nfrozen 0"), ("cgroup.stat", "nr_descendants 0\nnr_dying_descendants 0"),
            ("memory.high", "max"), ("memory.low", "0"), ("memory.min", "0"), ("memory.oom.group", "0"),
            ("memory.swap.current", "0"), ("memory.swap.events", "high 0\nmax 0\nfail 0"),
            ("cpuset.mems", ""), ("cpuset.mems.effective", "0"), ("cpuset.cpus.partition", "member"),
            ("cpu.idle", "0"), ("cpu.max.burst", "0"), ("pids.events", "max 0"), ("pids.events.local", "max 0"),
        ];
        AddConstants(files, constants);
        AddProcesses(files, kernel, "cgroup.threads", threads: true);
        Add(files, "io.stat", static (_, _) => { });
        Add(files, "memory.max", static (container, text) => AppendLimit(text, container.Limits.Memory));
        Add(files, "memory.swap.max", static (container, text) => AppendLimit(
            text, container.Limits.MemoryAndSwap == ContainerLimits.Unlimited
                ? ContainerLimits.Unlimited
                : Math.Max(0, container.Limits.MemoryAndSwap - container.Limits.Memory)));
        Add(files, "memory.current", (container, text) => AppendUse(kernel, container, text));
        Add(files, "memory.peak", (container, text) => AppendUse(kernel, container, text));
        Add(files, "memory.events", static (container, text) => AppendEvents(container, text));
        Add(files, "memory.events.local", static (container, text) => AppendEvents(container, text));
        Add(files, "memory.stat", (container, text) =>
        {
            ContainerMemory memory = ContainerMemory.Measure(kernel, container);
            AppendRows(text,
            [
                ("anon", memory.Anonymous), ("file", memory.Mapped + memory.Files), ("kernel", memory.Kernel),
                ("shmem", memory.Files),
                ("file_mapped", memory.Mapped), ("file_dirty", 0), ("file_writeback", 0), ("swapcached", 0),
                ("inactive_anon", memory.Files), ("active_anon", memory.Anonymous), ("inactive_file", memory.Mapped),
                ("active_file", 0), ("unevictable", 0), ("slab_reclaimable", 0), ("slab_unreclaimable", memory.Kernel),
                ("slab", memory.Kernel), ("pgfault", 0), ("pgmajfault", 0),
            ]);
        });
        Add(files, "cpu.max", static (container, text) =>
        {
            ContainerLimits limits = container.Limits;
            text.AppendLine(limits.CpuQuota == ContainerLimits.Unlimited
                ? string.Create(CultureInfo.InvariantCulture, $"max {limits.CpuPeriod}")
                : string.Create(CultureInfo.InvariantCulture, $"{limits.CpuQuota} {limits.CpuPeriod}"));
        });
        Add(files, "cpu.weight", static (container, text) => AppendLine(text, Weight(container.Limits.CpuShares)));
        Add(files, "cpu.stat", (container, text) =>
        {
            const long microsecond = 1000;
            CpuTime used = ContainerProcesses.TimeOf(kernel, container);
            (long periods, long throttled, long time) = ContainerProcesses.ThrottlingOf(container);
            AppendRows(text,
            [
                ("usage_usec", used.Total / microsecond), ("user_usec", used.User / microsecond),
                ("system_usec", used.System / microsecond), ("nr_periods", periods), ("nr_throttled", throttled),
                ("throttled_usec", time / microsecond), ("nr_bursts", 0), ("burst_usec", 0),
            ]);
        });
        Add(files, "cpuset.cpus", static (container, text) =>
            text.AppendLine(ProcessorSet.Format(container.Limits.Processors)));
        Add(files, "cpuset.cpus.effective", (container, text) => AppendProcessors(kernel, container, text));
        AddTasks(files, kernel);
        Add(files, "pids.peak", (container, text) => AppendTasks(kernel, container, text));
    }

    /// <summary>One hierarchy of version 1, or several together.</summary>
    public static void FillLegacy(StaticFileSystem files, Kernel.Kernel kernel, ReadOnlySpan<string> controllers)
    {
        AddConstants(
            files, [("notify_on_release", "0"), ("cgroup.clone_children", "0"), ("cgroup.sane_behavior", "0")]);
        AddProcesses(files, kernel, "cgroup.procs", threads: false);
        AddProcesses(files, kernel, "tasks", threads: true);
        foreach (string controller in controllers)
        {
            switch (controller)
            {
                case "memory":
                    LegacyCgroupFiles.AddMemory(files, kernel);
                    break;
                case "cpu":
                    LegacyCgroupFiles.AddCpu(files);
                    break;
                case "cpuacct":
                    LegacyCgroupFiles.AddCpuAccounting(files, kernel);
                    break;
                case "cpuset":
                    LegacyCgroupFiles.AddCpuset(files, kernel);
                    break;
                case "pids":
                    AddTasks(files, kernel);
                    break;
                case "freezer":
                    AddConstants(files, [
                        ("freezer.state", "THAWED"), ("freezer.self_freezing", "0"), ("freezer.parent_freezing", "0")]);
                    break;
                case "devices":
                    AddConstants(files, [("devices.list", "a *:* rwm")]);
                    break;
                case "blkio":
                    AddConstants(files, [
                        ("blkio.throttle.io_service_bytes", "Total 0"), ("blkio.throttle.io_serviced", "Total 0")]);
                    break;
            }
        }
    }

    /// <summary>Adds a file whose text depends on the container of who reads it.</summary>
    public static void Add(StaticFileSystem files, string name, Action<Container, ByteBuilder> write) =>
        files.AddFile(name, new TextFile(files, (caller, text) =>
        {
            if (caller is Task task)
                write(task.Namespaces.Container, text);
            return Errno.Ok;
        }));

    /// <summary>Adds files with constant text, a line each.</summary>
    public static void AddConstants(StaticFileSystem files, ReadOnlySpan<(string Name, string Value)> constants)
    {
        foreach ((string name, string value) in constants)
            files.AddText(name, value + "\n");
    }

    public static void AppendLine(ByteBuilder text, long value) => text.Append(value).Append((byte)'\n');

    /// <summary>"key value" lines.</summary>
    public static void AppendRows(ByteBuilder text, ReadOnlySpan<(string Key, long Value)> rows)
    {
        foreach ((string key, long value) in rows)
            text.Append(key).Append((byte)' ').Append(value).Append((byte)'\n');
    }

    public static void AppendUse(Kernel.Kernel kernel, Container container, ByteBuilder text) =>
        AppendLine(text, ContainerMemory.Measure(kernel, container).Used);

    public static void AppendProcessors(Kernel.Kernel kernel, Container container, ByteBuilder text) =>
        text.AppendLine(ProcessorSet.Format(ProcessorSet.Allowed(container.Limits, kernel.Host.CpuCount)));

    private static void AddTasks(StaticFileSystem files, Kernel.Kernel kernel)
    {
        Add(files, "pids.max", static (container, text) => AppendLimit(text, container.Limits.Tasks));
        Add(files, "pids.current", (container, text) => AppendTasks(kernel, container, text));
    }

    private static void AppendTasks(Kernel.Kernel kernel, Container container, ByteBuilder text)
    {
        using (kernel.Tree.Enter())
            AppendLine(text, container.TaskCount);
    }

    private static void AppendEvents(Container container, ByteBuilder text)
    {
        long kills = MemoryLimiter.OutOfMemoryKills(container);
        AppendRows(text, [
            ("low", 0), ("high", 0), ("max", kills), ("oom", kills), ("oom_kill", kills), ("oom_group_kill", 0)]);
    }

    private static void AppendLimit(ByteBuilder text, long limit)
    {
        if (limit == ContainerLimits.Unlimited)
            text.Append("max\n"u8);
        else
            AppendLine(text, limit);
    }

    // From version 1's 2 to 262144 to version 2's 1 to 10000, as the runtime specification says.
    private static long Weight(long shares) => 1 + ((Math.Clamp(shares, 2, 262_144) - 2) * 9999 / 262_142);

    private static void AddProcesses(StaticFileSystem files, Kernel.Kernel kernel, string name, bool threads) =>
        files.AddFile(name, new TextFile(files, (caller, text) =>
        {
            if (caller is not Task reader)
                return Errno.ENOENT;
            using (kernel.Tree.Enter())
            {
                foreach (KeyValuePair<int, Pid> entry in reader.PidNamespace.Pids)
                {
                    bool isListed = threads
                        ? entry.Value.Task is { IsExited: false }
                        : entry.Value.ThreadGroup is { IsZombie: false };
                    if (isListed && entry.Value.Task?.Namespaces.Container == reader.Namespaces.Container)
                        text.Append(entry.Key).Append((byte)'\n');
                }
            }

            return Errno.Ok;
        }));
}
