using System.Globalization;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;
using KernelVersion = Sandbox.Sentry.Kernel.Version;

namespace Sandbox.Sentry.Filesystems.Proc.Global;

/// <summary>The files of /proc that describe the virtual machine as a whole (proc(5)).</summary>
internal static class GlobalFiles
{
    public static void AddTo(StaticDirectory root, ProcFileSystem proc)
    {
        Kernel.Kernel kernel = proc.Kernel;
        Add(root, proc, "cpuinfo", text => text.Append(kernel.Host.CpuInfo));
        Add(root, proc, "meminfo", (caller, text) => WriteMemory(kernel, (caller as Task)?.Namespaces.Container, text));
        Add(root, proc, "stat", text => WriteStat(kernel, text));
        Add(root, proc, "uptime", text => WriteUptime(kernel, text));
        Add(root, proc, "loadavg", text => WriteLoad(proc, text));
        Add(root, proc, "version", text => text.Append("Linux version "u8)
            .Append(KernelVersion.Release).Append(" (sandbox@sandbox) (cc) "u8).Append(KernelVersion.Build).Append(
                (byte)'\n'));
        Add(root, proc, "vmstat", (caller, text) =>
            WriteVirtualMemoryStatistics(kernel, (caller as Task)?.Namespaces.Container, text));
        AddConstant(
            root, proc, "filesystems",
            "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tcgroup\nnodev\tcgroup2\nnodev\tdevpts\nnodev\tmqueue\nnodev\toverlay\n"
            + "nodev\tsockfs\nnodev\tpipefs\n");
        AddConstant(root, proc, "cmdline", "quiet\n");
        AddConstant(
            root, proc, "devices",
            "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n136 pts\n\nBlock devices:\n");
        AddConstant(root, proc, "swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
        AddConstant(root, proc, "partitions", "major minor  #blocks  name\n\n");
        AddConstant(root, proc, "diskstats", "");
        AddConstant(root, proc, "interrupts", InterruptsHeader(kernel.Host.CpuCount));
        AddConstant(root, proc, "softirqs", SoftInterrupts(kernel.Host.CpuCount));
        AddConstant(root, proc, "kallsyms", ""); // As for who may not see addresses: there are no symbols.
        AddConstant(root, proc, "keys", ""); // Nobody has a key: add_key(2) is not there.
        AddConstant(root, proc, "key-users", "");
        AddConstant(root, proc, "cgroups", Controllers());
        AddConstant(root, proc, "modules", "");
        AddConstant(root, proc, "misc", "");
        AddConstant(root, proc, "locks", "");
        AddConstant(root, proc, "consoles", "");
        AddConstant(root, proc, "execdomains", "0-0\tLinux           \t[kernel]\n");
        AddConstant(root, proc, "buddyinfo", "");
        AddConstant(root, proc, "zoneinfo", "");
        AddConstant(root, proc, "fb", "");
        AddConstant(root, proc, "crypto", "");
        IpcTables.AddTo(root, proc);
        StaticDirectory pressure = root.AddDirectory("pressure");
        const string none = "avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
        foreach (string resource in (ReadOnlySpan<string>)["cpu", "io", "memory"])
            AddConstant(pressure, proc, resource, "some " + none + "full " + none);
        root.AddDirectory("fs");
        root.AddDirectory("bus");
        root.AddDirectory("driver");
        root.AddDirectory("irq");
        root.AddDirectory("tty");
    }

    private static string Controllers()
    {
        string text = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n";
        for (int index = 0; index < Container.LegacyControllers.Length; index++)
            text += string.Create(
                CultureInfo.InvariantCulture, $"{Container.LegacyControllers[index]}\t{index + 1}\t1\t1\n");
        return text;
    }

    private static void Add(
        StaticDirectory directory, ProcFileSystem proc, string name, Action<ICaller, ByteBuilder> write) =>
        directory.Add(name, new TextFile(proc, (caller, text) =>
        {
            write(caller, text);
            return Errno.Ok;
        }));

    private static void Add(StaticDirectory directory, ProcFileSystem proc, string name, Action<ByteBuilder> write) =>
        directory.Add(name, new TextFile(proc, (_, text) =>
        {
            write(text);
            return Errno.Ok;
        }));

    private static void AddConstant(StaticDirectory directory, ProcFileSystem proc, string name, string content) =>
        directory.Add(name, new TextFile(proc, System.Text.Encoding.UTF8.GetBytes(content)));

    private static string SoftInterrupts(int cpus)
    {
        string text = InterruptsHeader(cpus).Insert(0, "         ");
        foreach (string kind in (ReadOnlySpan<string>)[
            "HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU"])
        {
            text += string.Create(CultureInfo.InvariantCulture, $"{kind,12}:");
            for (int cpu = 0; cpu < cpus; cpu++)
                text += string.Create(CultureInfo.InvariantCulture, $" {0,10}");
            text += "\n";
        }

        return text;
    }

    private static string InterruptsHeader(int cpus)
    {
        string header = "           ";
        for (int cpu = 0; cpu < cpus; cpu++)
            header += string.Create(CultureInfo.InvariantCulture, $"CPU{cpu,-8}");
        return header + "\n";
    }

    private static void WriteMemory(Kernel.Kernel kernel, Container? container, ByteBuilder text)
    {
        ContainerMemory memory = ContainerMemory.Measure(kernel, container);
        long cached = memory.Mapped + memory.Files;
        ReadOnlySpan<(string Name, long Bytes)> rows =
        [
            ("MemTotal", memory.Total), ("MemFree", memory.Free),
            ("MemAvailable", memory.Available), ("Buffers", 0), ("Cached", cached), ("SwapCached", 0),
            ("Active", memory.Anonymous), ("Inactive", memory.Mapped), ("Active(anon)", memory.Anonymous),
            ("Inactive(anon)", memory.Files), ("Active(file)", 0), ("Inactive(file)", memory.Mapped),
            ("Unevictable", 0),
            ("Mlocked", 0), ("SwapTotal", 0), ("SwapFree", 0), ("Dirty", 0), ("Writeback", 0),
            ("AnonPages", memory.Anonymous),
            ("Mapped", memory.Mapped), ("Shmem", memory.Files), ("KReclaimable", 0), ("Slab", memory.Kernel),
            ("SReclaimable", 0), ("SUnreclaim", memory.Kernel), ("KernelStack", 0), ("PageTables", 0),
            ("NFS_Unstable", 0),
            ("Bounce", 0), ("WritebackTmp", 0), ("CommitLimit", memory.Total), ("Committed_AS", memory.Used),
            ("VmallocTotal", 34359738367L * 1024), ("VmallocUsed", 0), ("VmallocChunk", 0), ("AnonHugePages", 0),
            ("ShmemHugePages", 0), ("FileHugePages", 0),
        ];
        foreach ((string name, long bytes) in rows)
            text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"{name + ":",-15} {bytes / 1024,8} kB"));
        text.Append("HugePages_Total:       0\nHugePages_Free:        0\nHugePages_Rsvd:        0\nHugePages_Surp:        0\n"u8)
            .Append("Hugepagesize:       2048 kB\nHugetlb:               0 kB\n"u8);
    }

    private static void WriteStat(Kernel.Kernel kernel, ByteBuilder text)
    {
        CpuTime used = TotalTime(kernel);
        int cpus = kernel.Host.CpuCount;
        long uptime = HostClock.Now(HostClock.Boottime) - kernel.BootTime;
        long idle = Math.Max(0, (uptime * cpus) - used.Total);
        WriteCpu(text, "cpu ", used.User, used.System, idle);
        for (int cpu = 0; cpu < cpus; cpu++)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"cpu{cpu}");
            WriteCpu(text, name, used.User / cpus, used.System / cpus, idle / cpus);
        }

        (_, _, _, int running, _) = LoadAverage.Shared.Sample(kernel);
        long bootSeconds = (HostClock.Now(HostClock.Realtime) - uptime) / 1_000_000_000;
        int processes;
        using (kernel.Tree.Enter())
            processes = kernel.RootPids.Count;
        text.Append("intr 0\nctxt 0\nbtime "u8).Append(bootSeconds).Append("\nprocesses "u8).Append(processes)
            .Append("\nprocs_running "u8).Append(running).Append(
                "\nprocs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n"u8);
    }

    private static void WriteCpu(ByteBuilder text, string name, long user, long system, long idle) =>
        text.Append(name).Append((byte)' ').Append(CpuTime.ToTicks(user)).Append(" 0 "u8).Append(
            CpuTime.ToTicks(system))
            .Append((byte)' ').Append(CpuTime.ToTicks(idle)).Append(" 0 0 0 0 0 0\n"u8);

    private static CpuTime TotalTime(Kernel.Kernel kernel)
    {
        List<ThreadGroup> groups = [];
        using (kernel.Tree.Enter())
        {
            foreach (KeyValuePair<int, Pid> entry in kernel.RootPids.Pids)
            {
                if (entry.Value.ThreadGroup is { } group)
                    groups.Add(group);
            }
        }

        CpuTime sum = default;
        foreach (ThreadGroup group in groups)
            sum += CpuTime.OfGroup(group) + new CpuTime(group.ChildrenUserTime, group.ChildrenSystemTime);
        return sum;
    }

    private static void WriteUptime(Kernel.Kernel kernel, ByteBuilder text)
    {
        double up = (HostClock.Now(HostClock.Boottime) - kernel.BootTime) / 1e9;
        double idle = Math.Max(0, (up * kernel.Host.CpuCount) - (TotalTime(kernel).Total / 1e9));
        text.Append(string.Create(CultureInfo.InvariantCulture, $"{up:F2} {idle:F2}\n"));
    }

    private static void WriteLoad(ProcFileSystem proc, ByteBuilder text)
    {
        (double one, double five, double fifteen, int running, int total) = LoadAverage.Shared.Sample(proc.Kernel);
        int last = 0;
        using (proc.Kernel.Tree.Enter())
        {
            foreach (KeyValuePair<int, Pid> entry in proc.Pids.Pids)
                last = entry.Key;
        }

        text.Append(string.Create(
            CultureInfo.InvariantCulture, $"{one:F2} {five:F2} {fifteen:F2} {running}/{total} {last}\n"));
    }

    private static void WriteVirtualMemoryStatistics(Kernel.Kernel kernel, Container? container, ByteBuilder text)
    {
        ContainerMemory memory = ContainerMemory.Measure(kernel, container);
        text.Append("nr_free_pages "u8).Append(memory.Free / 4096).Append("\nnr_anon_pages "u8).Append(
            memory.Anonymous / 4096)
            .Append("\nnr_mapped "u8).Append(memory.Mapped / 4096).Append("\nnr_shmem "u8).Append(memory.Files / 4096)
            .Append("\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault 0\npgmajfault 0\noom_kill 0\n"u8);
    }
}
