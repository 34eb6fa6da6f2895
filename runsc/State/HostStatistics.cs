using System.Globalization;

namespace Sandbox.Runsc.State;

/// <summary>
/// What the host's cgroups of a container say that the Sentry does not know. 0 and empty where there is no such file.
/// </summary>
internal sealed class HostStatistics
{
    public long CpuNanoseconds { get; private set; }
    public long[] CpuNanosecondsEach { get; private set; } = [];
    public long Periods { get; private set; }
    public long ThrottledPeriods { get; private set; }
    public long ThrottledNanoseconds { get; private set; }
    public long MemoryPeak { get; private set; }
    public long MemoryFailures { get; private set; }

    /// <summary>memory.stat.</summary>
    public List<(string Key, long Value)> MemoryRaw { get; } = [];

    /// <summary>Reads version 1's files, or version 2's.</summary>
    public static HostStatistics Read(ContainerState state)
    {
        const long microsecond = 1000;
        HostStatistics host = new();
        foreach (string directory in state.Cgroups)
        {
            host.CpuNanoseconds += Number($"{directory}/cpuacct.usage");
            if (File.Exists($"{directory}/cpuacct.usage_percpu"))
                host.CpuNanosecondsEach = Numbers($"{directory}/cpuacct.usage_percpu");
            foreach ((string key, long value) in Rows($"{directory}/cpu.stat"))
            {
                switch (key)
                {
                    case "usage_usec":
                        host.CpuNanoseconds = Math.Max(host.CpuNanoseconds, value * microsecond);
                        break;
                    case "nr_periods":
                        host.Periods = value;
                        break;
                    case "nr_throttled":
                        host.ThrottledPeriods = value;
                        break;
                    case "throttled_time":
                        host.ThrottledNanoseconds = value;
                        break;
                    case "throttled_usec":
                        host.ThrottledNanoseconds = value * microsecond;
                        break;
                }
            }

            host.MemoryPeak += Number($"{directory}/memory.max_usage_in_bytes") + Number($"{directory}/memory.peak");
            host.MemoryFailures += Number($"{directory}/memory.failcnt");
            if (host.MemoryRaw.Count == 0)
                host.MemoryRaw.AddRange(Rows($"{directory}/memory.stat"));
        }

        return host;
    }

    /// <summary>
    /// Processes of the container that the host killed for want of memory; the cgroup tells until delete.
    /// </summary>
    public static long OutOfMemoryKills(ContainerState state)
    {
        long kills = 0;
        foreach (string directory in state.Cgroups)
        {
            foreach (string file in (ReadOnlySpan<string>)["memory.oom_control", "memory.events"])
            {
                foreach ((string key, long value) in Rows($"{directory}/{file}"))
                    kills += key == "oom_kill" ? value : 0;
            }
        }

        return kills;
    }

    private static long Number(string path) =>
        long.TryParse(Cgroups.CgroupFile.Read(path), NumberStyles.None, CultureInfo.InvariantCulture, out long value)
            ? value
            : 0;

    private static long[] Numbers(string path) => Array.ConvertAll(
        Cgroups.CgroupFile.Read(path).Split(' ', StringSplitOptions.RemoveEmptyEntries),
        static text =>
            long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value) ? value : 0);

    private static List<(string Key, long Value)> Rows(string path)
    {
        List<(string, long)> rows = [];
        foreach (string line in Cgroups.CgroupFile.Read(path).Split('\n'))
        {
            if (line.Split(' ') is [string key, string text]
                && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value))
            {
                rows.Add((key, value));
            }
        }

        return rows;
    }
}
