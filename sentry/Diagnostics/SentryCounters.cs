using System.Diagnostics.Tracing;
using System.Globalization;
using Sandbox.Linux;

namespace Sandbox.Sentry.Diagnostics;

/// <summary>
/// The counters of a source, which the runtime asks for once an interval while a session wants them,
/// on a thread of its own.
/// </summary>
internal sealed class SentryCounters : IDisposable
{
    private readonly SentryEventSource _source;
    private readonly Func<List<Gauge>> _gauges;
    private readonly Func<int, string> _nameOf;
    private readonly List<DiagnosticCounter> _counters = [];
    private CounterTotals _totals = new();

    public SentryCounters(SentryEventSource source, Func<List<Gauge>> gauges, Func<int, string> nameOf)
    {
        (_source, _gauges, _nameOf) = (source, gauges, nameOf);
        AddAll();
    }

    public void Dispose()
    {
        foreach (DiagnosticCounter counter in _counters)
            counter.Dispose();
    }

    private void AddAll()
    {
        // The first in the list is asked first, and once an interval: it takes the totals that the others show.
        AddRate("syscalls", "System calls", totals => totals.AllSyscalls, TakeTotals);
        AddRate("notifications", "Messages from guest threads", totals => totals.Of(Counter.Notifications));
        AddRate("kicks", "Guest threads brought in", totals => totals.Of(Counter.Kicks));
        AddRate("stub-commands", "Host calls in guests' address spaces", totals => totals.Of(Counter.StubCommands));
        AddRate("faults", "Faults that became signals", totals => totals.Of(Counter.Faults));
        AddRate("gofer-messages", "Requests to Gofers", totals => totals.Of(Counter.GoferMessages));
        AddRate("gofer-time", "Time waiting for Gofers", totals =>
            totals.Of(Counter.GoferNanoseconds) / 1000, unit: "us");
        AddRate("dentry-hits", "Names found in the dentry cache", totals => totals.Of(Counter.DentryHits));
        AddRate("dentry-misses", "Names asked of a filesystem", totals => totals.Of(Counter.DentryMisses));
        AddRate("gc-collections", "Garbage collections", static _ => GC.CollectionCount(0));
        AddRate("gc-allocated", "Bytes allocated", static _ => GC.GetTotalAllocatedBytes(), unit: "B");
        foreach (Gauge gauge in _gauges())
        {
            string name = gauge.Name;
            _counters.Add(new PollingCounter(name, _source, () =>
                ValueOf(name)) { DisplayName = gauge.Title, DisplayUnits = gauge.Unit });
        }
    }

    private void AddRate(
        string name, string title, Func<CounterTotals, long> value, Action? before = null, string unit = "")
    {
        _counters.Add(new IncrementingPollingCounter(name, _source, () =>
        {
            before?.Invoke();
            return value(_totals);
        })
        {
            DisplayName = title, DisplayUnits = unit,
        });
    }

    private double ValueOf(string gauge)
    {
        foreach (Gauge one in _gauges())
        {
            if (one.Name == gauge)
                return one.Value;
        }

        return 0;
    }

    private void TakeTotals()
    {
        _totals = Counters.Read();
        for (int number = 0; number < Counters.SyscallsMax; number++)
        {
            if (_totals.Syscalls[number] == 0)
                continue;
            ReadOnlySpan<long> latency = _totals.Latency[number];
            const double half = 0.5, slow = 0.99;
            long median = latency.IsEmpty ? 0 : CounterTotals.Quantile(latency, half);
            long most = latency.IsEmpty ? 0 : CounterTotals.Quantile(latency, slow);
            _source.Summary(
                _nameOf(number),
                string.Create(CultureInfo.InvariantCulture, $"{_totals.Syscalls[number]} {median} {most}"));
        }
    }
}
