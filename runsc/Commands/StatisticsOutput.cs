using System.Text.Json;
using Sandbox.Runsc.State;
using Sandbox.Sentry.Control;

namespace Sandbox.Runsc.Commands;

/// <summary>The JSON lines of <c>events</c>, in the shape that runc gives them.</summary>
internal static class StatisticsOutput
{
    /// <summary>{"type":"stats",…}.</summary>
    public static string Statistics(string id, ContainerStatistics statistics, HostStatistics host) =>
        Line("stats", id, writer =>
    {
        writer.WriteStartObject("data");
        WriteCpu(writer, statistics, host);
        WriteMemory(writer, statistics, host);
        writer.WriteStartObject("pids");
        writer.WriteNumber("current", statistics.Tasks);
        if (statistics.TasksMax != long.MaxValue)
            writer.WriteNumber("limit", statistics.TasksMax);
        writer.WriteEndObject();
        foreach (string empty in (ReadOnlySpan<string>)["blkio", "hugetlb", "intel_rdt"])
        {
            writer.WriteStartObject(empty);
            writer.WriteEndObject();
        }

        writer.WriteNull("network_interfaces");
        writer.WriteEndObject();
    });

    /// <summary>{"type":"oom",…}.</summary>
    public static string OutOfMemory(string id) => Line("oom", id, static _ => { });

    private static string Line(string type, string id, Action<Utf8JsonWriter> writeRest)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream))
        {
            writer.WriteStartObject();
            writer.WriteString("type", type);
            writer.WriteString("id", id);
            writeRest(writer);
            writer.WriteEndObject();
        }

        return System.Text.Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    private static void WriteCpu(Utf8JsonWriter writer, ContainerStatistics statistics, HostStatistics host)
    {
        writer.WriteStartObject("cpu");
        writer.WriteStartObject("usage");
        writer.WriteNumber("total", Math.Max(host.CpuNanoseconds, statistics.UserTime + statistics.SystemTime));
        writer.WriteStartArray("percpu");
        foreach (long each in host.CpuNanosecondsEach)
            writer.WriteNumberValue(each);
        writer.WriteEndArray();
        writer.WriteNumber("kernel", statistics.SystemTime);
        writer.WriteNumber("user", statistics.UserTime);
        writer.WriteEndObject();
        writer.WriteStartObject("throttling");
        writer.WriteNumber("periods", host.Periods);
        writer.WriteNumber("throttledPeriods", host.ThrottledPeriods);
        writer.WriteNumber("throttledTime", host.ThrottledNanoseconds);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void WriteMemory(Utf8JsonWriter writer, ContainerStatistics statistics, HostStatistics host)
    {
        writer.WriteStartObject("memory");
        writer.WriteNumber("cache", statistics.CacheBytes);
        writer.WriteStartObject("usage");
        writer.WriteNumber("limit", statistics.MemoryLimitBytes);
        writer.WriteNumber("usage", statistics.MemoryBytes);
        writer.WriteNumber("max", Math.Max(host.MemoryPeak, statistics.MemoryBytes));
        writer.WriteNumber("failcnt", host.MemoryFailures);
        writer.WriteEndObject();
        foreach (string empty in (ReadOnlySpan<string>)["swap", "kernel", "kernelTCP"])
        {
            writer.WriteStartObject(empty);
            writer.WriteNumber("limit", 0);
            writer.WriteNumber("failcnt", 0);
            writer.WriteEndObject();
        }

        writer.WriteStartObject("raw");
        foreach ((string key, long value) in host.MemoryRaw)
            writer.WriteNumber(key, value);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }
}
