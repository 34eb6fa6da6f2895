using System.Text.Json;
using Sandbox.Runsc.Cgroups;
using Sandbox.Runsc.CommandLine;
using Sandbox.Sentry.Control;

namespace Sandbox.Runsc.Commands;

/// <summary>The lines of <c>events</c>, in runc's shape: what has no counterpart here is there and empty.</summary>
internal static class StatisticsJson
{
    /// <summary>Prints {"type":"stats","id":…,"data":{…}}.</summary>
    public static void Print(string id, ContainerStatistics statistics, MemoryStatistics? memory) =>
        PrintLine(writer =>
        {
            WriteHead(writer, "stats", id);
            writer.WriteStartObject("data");
            WriteCpu(writer, statistics);
            WriteMemory(writer, statistics, memory);
            writer.WriteStartObject("pids");
            writer.WriteNumber("current", statistics.Tasks);
            writer.WriteNumber("limit", statistics.TasksMax);
            writer.WriteEndObject();
            WriteEmpty(writer, "blkio");
            WriteEmpty(writer, "hugetlb");
            WriteEmpty(writer, "intel_rdt");
            writer.WriteNull("network_interfaces");
            writer.WriteEndObject();
        });

    /// <summary>Prints {"type":"oom","id":…}.</summary>
    public static void PrintOutOfMemory(string id) => PrintLine(writer => WriteHead(writer, "oom", id));

    private static void PrintLine(Action<Utf8JsonWriter> write)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }

        ErrorReport.WriteTo(1, System.Text.Encoding.UTF8.GetString(stream.ToArray()) + "\n");
    }

    private static void WriteHead(Utf8JsonWriter writer, string type, string id)
    {
        writer.WriteString("type", type);
        writer.WriteString("id", id);
    }

    private static void WriteCpu(Utf8JsonWriter writer, ContainerStatistics statistics)
    {
        writer.WriteStartObject("cpu");
        writer.WriteStartObject("usage");
        writer.WriteNumber("total", statistics.UserTime + statistics.SystemTime);
        writer.WriteStartArray("percpu");
        writer.WriteEndArray();
        writer.WriteNumber("kernel", statistics.SystemTime);
        writer.WriteNumber("user", statistics.UserTime);
        writer.WriteEndObject();
        WriteEmpty(writer, "throttling");
        writer.WriteEndObject();
    }

    private static void WriteMemory(Utf8JsonWriter writer, ContainerStatistics statistics, MemoryStatistics? memory)
    {
        writer.WriteStartObject("memory");
        writer.WriteNumber("cache", memory?.Cache ?? 0);
        writer.WriteStartObject("usage");
        writer.WriteNumber("limit", memory?.Limit ?? statistics.MemoryLimitBytes);
        writer.WriteNumber("usage", memory?.Usage ?? statistics.MemoryBytes);
        writer.WriteNumber("max", memory?.Max ?? statistics.MemoryBytes);
        writer.WriteNumber("failcnt", memory?.Failures ?? 0);
        writer.WriteEndObject();
        WriteEmpty(writer, "swap");
        WriteEmpty(writer, "kernel");
        WriteEmpty(writer, "kernelTCP");
        writer.WriteStartObject("raw");
        foreach ((string name, long value) in memory?.Raw ?? [])
            writer.WriteNumber(name, value);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void WriteEmpty(Utf8JsonWriter writer, string name)
    {
        writer.WriteStartObject(name);
        writer.WriteEndObject();
    }
}
