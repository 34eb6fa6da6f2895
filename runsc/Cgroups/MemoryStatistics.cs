using System.Globalization;

namespace Sandbox.Runsc.Cgroups;

/// <summary>What the host's memory controller says of a container's group, bytes; all zero without one.</summary>
internal sealed class MemoryStatistics
{
    public long Usage { get; private init; }

    /// <summary>The host's largest number if there is no limit.</summary>
    public long Limit { get; private init; }
    public long Max { get; private init; }

    /// <summary>How often the limit was hit.</summary>
    public long Failures { get; private init; }

    /// <summary>How many processes were killed for want of memory.</summary>
    public long Kills { get; private init; }
    public long Cache { get; private init; }

    /// <summary>The lines of memory.stat.</summary>
    public List<(string Name, long Value)> Raw { get; private init; } = [];

    /// <summary>Reads the first of a container's groups that counts memory; null if none does.</summary>
    public static MemoryStatistics? Read(string[] directories)
    {
        foreach (string directory in directories)
        {
            if (File.Exists($"{directory}/memory.usage_in_bytes"))
                return ReadLegacy(directory);
            if (File.Exists($"{directory}/memory.current"))
                return ReadUnified(directory);
        }

        return null;
    }

    private static MemoryStatistics ReadLegacy(string directory)
    {
        List<(string, long)> raw = Lines($"{directory}/memory.stat");
        return new MemoryStatistics
        {
            Usage = Number($"{directory}/memory.usage_in_bytes"),
            Limit = Number($"{directory}/memory.limit_in_bytes"),
            Max = Number($"{directory}/memory.max_usage_in_bytes"),
            Failures = Number($"{directory}/memory.failcnt"),
            Kills = Find(Lines($"{directory}/memory.oom_control"), "oom_kill"),
            Cache = Find(raw, "cache"),
            Raw = raw,
        };
    }

    private static MemoryStatistics ReadUnified(string directory)
    {
        List<(string, long)> raw = Lines($"{directory}/memory.stat"), events = Lines($"{directory}/memory.events");
        return new MemoryStatistics
        {
            Usage = Number($"{directory}/memory.current"),
            Limit = Number($"{directory}/memory.max"),
            Max = Number($"{directory}/memory.peak"),
            Failures = Find(events, "max"),
            Kills = Find(events, "oom_kill"),
            Cache = Find(raw, "file"),
            Raw = raw,
        };
    }

    private static long Number(string file)
    {
        string text = CgroupFile.Read(file);
        if (text == "max")
            return long.MaxValue;
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : 0;
    }

    private static List<(string Name, long Value)> Lines(string file)
    {
        List<(string, long)> found = [];
        foreach (string line in CgroupFile.Read(file).Split('\n'))
        {
            if (line.Split(' ') is [string name, string value]
                && long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long number))
            {
                found.Add((name, number));
            }
        }

        return found;
    }

    private static long Find(List<(string Name, long Value)> lines, string name)
    {
        foreach ((string each, long value) in lines)
        {
            if (each == name)
                return value;
        }

        return 0;
    }
}
