using Sandbox.Linux;
using Sandbox.Sentry.Diagnostics;
using Sandbox.Sentry.Memory;

namespace Sandbox.Sentry.Control;

/// <summary>What a sandbox has at the moment: tasks, memory by kind, the Sentry's own heap.</summary>
internal static class SandboxGauges
{
    /// <summary>Counters, gauges and calls.</summary>
    public static CounterReport Report(Kernel.Kernel kernel)
    {
        CounterReport report = new();
        CounterTotals totals = Counters.Read();
        for (int index = 0; index < (int)Counter.Count; index++)
            report.Counters.Add(new CounterEntry { Name = ((Counter)index).ToString(), Value = totals.Events[index] });
        report.Counters.Add(new CounterEntry { Name = "Collections", Value = GC.CollectionCount(0) });
        report.Counters.Add(new CounterEntry { Name = "AllocatedBytes", Value = GC.GetTotalAllocatedBytes() });
        foreach (Gauge gauge in Read(kernel))
            report.Gauges.Add(new GaugeEntry { Name = gauge.Name, Title = gauge.Title, Value = gauge.Value });
        for (int number = 0; number < Counters.SyscallsMax; number++)
        {
            if (totals.Syscalls[number] == 0)
                continue;
            report.Syscalls.Add(new SyscallEntry
            {
                Name = kernel.Syscalls.NameOf(number), Count = totals.Syscalls[number],
                    Latency = totals.Latency[number],
            });
        }

        return report;
    }

    /// <summary>Takes no lock of the kernel: numbers may be a moment old.</summary>
    public static List<Gauge> Read(Kernel.Kernel kernel)
    {
        const string bytes = "B";
        return
        [
            new("tasks", "Guest threads", string.Empty, kernel.TaskCount),
            new("memory-shared", "Memory of tmpfs, memfd and the overlay", bytes, MemoryAccount.Sandbox.BytesOf(
                MemoryKind.Files)),
            new("memory-kernel", "Memory of bytes in pipes, sockets and queues", bytes, MemoryAccount.Sandbox.BytesOf(
                MemoryKind.Buffers)),
            new("gc-heap", "The Sentry's managed heap", bytes, GC.GetTotalMemory(forceFullCollection: false)),
            new("gc-pause", "Time in collections, of all", "%", GC.GetGCMemoryInfo().PauseTimePercentage),
            new("sentry-cpu", "The Sentry's CPU time", "s", HostClock.Now(HostClock.ProcessCpu) / 1e9),
        ];
    }
}
