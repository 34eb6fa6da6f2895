using System.Globalization;
using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Control;

namespace Sandbox.Runsc.Diagnostics;

/// <summary>Writes what sandboxes count in the OpenMetrics text format 1.0.</summary>
internal sealed class OpenMetrics
{
    public const string ContentType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    private readonly StringBuilder _text = new();

    /// <summary>
    /// The text for some containers; a family's lines stand together, whatever container they are of.
    /// </summary>
    public static string Write(List<ContainerMetrics> containers)
    {
        OpenMetrics metrics = new();
        metrics.WriteUse(containers);
        // What a sandbox counts it counts for all its containers: shown once, with the first one's name.
        List<ContainerMetrics> sandboxes = containers.FindAll(static one => one.IsSandbox);
        metrics.WriteCounters(sandboxes);
        metrics.WriteGauges(sandboxes);
        metrics.WriteSyscalls(sandboxes);
        metrics.WriteLatencies(sandboxes);
        return metrics._text.Append("# EOF\n").ToString();
    }

    private void WriteUse(List<ContainerMetrics> containers)
    {
        const double nanosecondsPerSecond = 1e9;
        Family("sandbox_container_cpu_seconds", "counter", "CPU time of the container's tasks.");
        foreach (ContainerMetrics one in containers)
        {
            Line("sandbox_container_cpu_seconds_total", one.Id, "mode=\"user\"",
                one.Statistics.UserTime / nanosecondsPerSecond);
            Line("sandbox_container_cpu_seconds_total", one.Id, "mode=\"system\"",
                one.Statistics.SystemTime / nanosecondsPerSecond);
        }

        Family("sandbox_container_memory_bytes", "gauge", "Memory the container uses.");
        foreach (ContainerMetrics one in containers)
            Line("sandbox_container_memory_bytes", one.Id, string.Empty, one.Statistics.MemoryBytes);
        Family("sandbox_container_tasks", "gauge", "Threads of the container.");
        foreach (ContainerMetrics one in containers)
            Line("sandbox_container_tasks", one.Id, string.Empty, one.Statistics.Tasks);
    }

    private void WriteCounters(List<ContainerMetrics> containers)
    {
        if (containers.Count == 0)
            return;
        for (int index = 0; index < containers[0].Counters.Counters.Count; index++)
        {
            string name = "sandbox_" + ToSnake(containers[0].Counters.Counters[index].Name);
            Family(name, "counter", "Counted by the sandbox since its start.");
            foreach (ContainerMetrics one in containers)
            {
                if (index < one.Counters.Counters.Count)
                    Line(name + "_total", one.Id, string.Empty, one.Counters.Counters[index].Value);
            }
        }
    }

    private void WriteGauges(List<ContainerMetrics> containers)
    {
        if (containers.Count == 0)
            return;
        for (int index = 0; index < containers[0].Counters.Gauges.Count; index++)
        {
            GaugeEntry first = containers[0].Counters.Gauges[index];
            string name = "sandbox_" + first.Name.Replace('-', '_');
            Family(name, "gauge", first.Title + ".");
            foreach (ContainerMetrics one in containers)
            {
                if (index < one.Counters.Gauges.Count)
                    Line(name, one.Id, string.Empty, one.Counters.Gauges[index].Value);
            }
        }
    }

    private void WriteSyscalls(List<ContainerMetrics> containers)
    {
        Family("sandbox_syscalls", "counter", "System calls that reached the sandbox's kernel.");
        foreach (ContainerMetrics one in containers)
        {
            foreach (SyscallEntry call in one.Counters.Syscalls)
                Line("sandbox_syscalls_total", one.Id, $"syscall=\"{call.Name}\"", call.Count);
        }
    }

    private void WriteLatencies(List<ContainerMetrics> containers)
    {
        const double nanosecondsPerSecond = 1e9;
        const string name = "sandbox_syscall_latency_seconds";
        Family(name, "histogram", "Time in system calls, waiting included (with --diagnostics).");
        foreach (ContainerMetrics one in containers)
        {
            foreach (SyscallEntry call in one.Counters.Syscalls)
            {
                if (call.Latency is not { Length: Counters.LatencyBuckets + 1 } latency)
                    continue;
                string label = $"syscall=\"{call.Name}\"";
                long sum = 0;
                for (int place = 0; place < Counters.LatencyBuckets; place++)
                {
                    sum += latency[place];
                    if (latency[place] == 0)
                        continue; // Buckets are cumulative: one without calls of its own says nothing new.
                    string bound = ((2L << place) / nanosecondsPerSecond).ToString("R", CultureInfo.InvariantCulture);
                    Line(name + "_bucket", one.Id, $"{label},le=\"{bound}\"", sum);
                }

                Line(name + "_bucket", one.Id, label + ",le=\"+Inf\"", sum);
                Line(name + "_count", one.Id, label, sum);
                Line(name + "_sum", one.Id, label, latency[Counters.LatencyBuckets] / nanosecondsPerSecond);
            }
        }
    }

    private void Family(string name, string type, string help) =>
        _text.Append(CultureInfo.InvariantCulture, $"# TYPE {name} {type}\n# HELP {name} {help}\n");

    private void Line(string name, string container, string labels, double value)
    {
        string comma = labels.Length > 0 ? "," : string.Empty;
        _text.Append(CultureInfo.InvariantCulture, $"{name}{{container=\"{container}\"{comma}{labels}}} {value:R}\n");
    }

    private static string ToSnake(string name)
    {
        StringBuilder text = new();
        foreach (char letter in name)
        {
            if (char.IsAsciiLetterUpper(letter) && text.Length > 0)
                text.Append('_');
            text.Append(char.ToLowerInvariant(letter));
        }

        return text.ToString();
    }
}

/// <summary>One container's numbers.</summary>
/// <param name="IsSandbox">It is its sandbox's first.</param>
internal sealed record ContainerMetrics(
    string Id, bool IsSandbox, ContainerStatistics Statistics, CounterReport Counters);
