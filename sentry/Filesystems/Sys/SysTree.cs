using System.Globalization;
using Sandbox.Sentry.Kernel;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Sys;

/// <summary>What stands in /sys.</summary>
internal static class SysTree
{
    public static void Fill(StaticFileSystem sys, HostFacts host)
    {
        foreach (string name in (ReadOnlySpan<string>)
            ["block", "bus", "dev", "firmware", "fs", "hypervisor", "module", "power", "class", "kernel", "devices"])
        {
            sys.Root.AddDirectory(name);
        }

        sys.Root.AddDirectory("fs").AddDirectory("cgroup");
        sys.Root.AddDirectory("class").AddDirectory("block");
        sys.AddText("kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
        sys.AddText("kernel/mm/transparent_hugepage/defrag", "always defer defer+madvise [madvise] never\n");
        sys.AddText("kernel/mm/transparent_hugepage/hpage_pmd_size", "2097152\n");
        sys.AddText("kernel/mm/transparent_hugepage/shmem_enabled", "always within_size advise [never] deny force\n");
        sys.AddText("kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n");
        sys.AddText("kernel/uevent_seqnum", "0\n"); // No device comes or goes.
        FillTerminals(sys);
        FillMemory(sys, host);
        FillProcessors(sys, host.CpuCount);
        FillLoopback(sys);
    }

    // The terminal devices that /dev has, by class and by number (sysfs(5)).
    private static void FillTerminals(StaticFileSystem sys)
    {
        sys.Root.AddDirectory("dev").AddDirectory("block");
        StaticDirectory byNumber = sys.Root.AddDirectory("dev").AddDirectory("char");
        foreach ((string name, string number) in (ReadOnlySpan<(string, string)>)[
            ("tty", "5:0"), ("console", "5:1"), ("ptmx", "5:2")])
        {
            string path = $"devices/virtual/tty/{name}";
            sys.AddText($"{path}/dev", number + "\n");
            sys.AddText($"{path}/uevent", $"MAJOR=5\nMINOR={number[2..]}\nDEVNAME={name}\n");
            sys.AddFile(
                $"class/tty/{name}", new SyntheticLink(sys, System.Text.Encoding.ASCII.GetBytes($"../../{path}")));
            byNumber.Add(number, new SyntheticLink(sys, System.Text.Encoding.ASCII.GetBytes($"../../{path}")));
        }
    }

    private static void FillMemory(StaticFileSystem sys, HostFacts host)
    {
        sys.AddText("devices/system/memory/block_size_bytes", "8000000\n");
        sys.AddText("devices/system/memory/auto_online_blocks", "offline\n");
        sys.AddText("devices/system/node/node0/meminfo", string.Create(
            CultureInfo.InvariantCulture,
            $"Node 0 MemTotal:       {host.MemoryBytes >> 10} kB\n"));
        sys.AddText("devices/system/node/node0/distance", "10\n");
        foreach (string name in (ReadOnlySpan<string>)
            ["meltdown", "spectre_v1", "spectre_v2", "spec_store_bypass", "l1tf", "mds", "tsx_async_abort",
                "itlb_multihit", "srbds",
             "mmio_stale_data", "retbleed", "gather_data_sampling"])
        {
            sys.AddText($"devices/system/cpu/vulnerabilities/{name}", "Unknown: the host's matter\n");
        }
    }

    private static void FillProcessors(StaticFileSystem sys, int count)
    {
        const string root = "devices/system/cpu/";
        string all = count == 1 ? "0\n" : string.Create(CultureInfo.InvariantCulture, $"0-{count - 1}\n");
        foreach (string name in (ReadOnlySpan<string>)["online", "possible", "present"])
            sys.AddText(root + name, all);
        sys.AddText(root + "offline", "\n");
        sys.AddText(root + "isolated", "\n");
        sys.AddText(root + "kernel_max", "8191\n");
        for (int cpu = 0; cpu < count; cpu++)
        {
            string text = cpu.ToString(CultureInfo.InvariantCulture);
            string topology = $"{root}cpu{text}/topology/";
            foreach (string name in (ReadOnlySpan<string>)["core_id"])
                sys.AddText(topology + name, text + "\n");
            sys.AddText(topology + "physical_package_id", "0\n");
            sys.AddText(topology + "die_id", "0\n");
            foreach (string name in (ReadOnlySpan<string>)["thread_siblings_list", "core_cpus_list"])
                sys.AddText(topology + name, text + "\n");
            foreach (string name in (ReadOnlySpan<string>)["thread_siblings", "core_cpus"])
                sys.AddText(topology + name, Mask(cpu, cpu));
            foreach (string name in (ReadOnlySpan<string>)["core_siblings_list", "package_cpus_list"])
                sys.AddText(topology + name, all);
            foreach (string name in (ReadOnlySpan<string>)["core_siblings", "package_cpus"])
                sys.AddText(topology + name, Mask(0, count - 1));
            sys.AddText($"{root}cpu{text}/online", "1\n");
        }

        sys.AddText("devices/system/node/online", "0\n");
        sys.AddText("devices/system/node/possible", "0\n");
        sys.AddText("devices/system/node/has_memory", "0\n");
        sys.AddText("devices/system/node/node0/cpulist", all);
        sys.AddText("devices/system/node/node0/cpumap", Mask(0, count - 1));
    }

    private static void FillLoopback(StaticFileSystem sys)
    {
        const string device = "devices/virtual/net/lo/";
        ReadOnlySpan<(string Name, string Value)> files =
        [
            ("address", "00:00:00:00:00:00"), ("broadcast", "00:00:00:00:00:00"), ("mtu", "65536"),
            ("operstate", "unknown"),
            ("type", "772"), ("flags", "0x9"), ("ifindex", "1"), ("iflink", "1"), ("carrier", "1"), ("addr_len", "6"),
            ("tx_queue_len", "1000"), ("statistics/rx_bytes", "0"), ("statistics/tx_bytes", "0"),
            ("statistics/rx_packets", "0"), ("statistics/tx_packets", "0"),
        ];
        foreach ((string name, string value) in files)
            sys.AddText(device + name, value + "\n");
        sys.AddFile("class/net/lo", new SyntheticLink(sys, "../../devices/virtual/net/lo"u8.ToArray()));
    }

    // A mask of processors as comma-separated words of 32, highest first.
    private static string Mask(int first, int last)
    {
        List<string> words = [];
        for (int word = last / 32; word >= 0; word--)
        {
            uint bits = 0;
            for (int bit = 0; bit < 32; bit++)
            {
                int cpu = (word * 32) + bit;
                if (cpu >= first && cpu <= last)
                    bits |= 1u << bit;
            }

            words.Add(bits.ToString(words.Count == 0 ? "x" : "x8", CultureInfo.InvariantCulture));
        }

        return string.Join(',', words) + "\n";
    }
}
