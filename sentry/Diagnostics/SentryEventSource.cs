using System.Diagnostics.Tracing;

namespace Sandbox.Sentry.Diagnostics;

/// <summary>
/// What a tracing session sees of the Sentry: counters once an interval, a summary of every system call with them, and,
/// when asked for in detail, each call as it ends. There is none unless the sandbox was started with diagnostics.
/// </summary>
[EventSource(Name = SourceName)]
internal sealed class SentryEventSource : EventSource
{
    public const string SourceName = "Sandbox-Sentry";

    private const int SummaryEvent = 1, EndedEvent = 2;

    private readonly Func<List<Gauge>> _gauges;
    private readonly Func<int, string> _nameOf;
    private SentryCounters? _counters;

    private SentryEventSource(Func<List<Gauge>> gauges, Func<int, string> nameOf) =>
        (_gauges, _nameOf) = (gauges, nameOf);

    /// <summary>The one there is, or null.</summary>
    public static SentryEventSource? Current { get; private set; }

    /// <summary>Makes it known to sessions. Once, when the kernel is there.</summary>
    /// <param name="gauges">What the sandbox has at the moment.</param>
    /// <param name="nameOf">The name of a call.</param>
    public static void Start(Func<List<Gauge>> gauges, Func<int, string> nameOf) =>
        Current = new SentryEventSource(gauges, nameOf);

    /// <summary>A call has ended. Does nothing unless a session wants every call.</summary>
    [NonEvent]
    public void SyscallEnded(int thread, int number, long nanoseconds)
    {
        if (IsEnabled(EventLevel.Verbose, Keywords.EveryCall))
            Ended(thread, number, nanoseconds);
    }

    /// <summary>How often a call was made since the start, and how long it takes.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="numbers">
    /// How often; the nanoseconds that half of the calls did not exceed, and those that 99 of 100 did not. Text,
    /// because only few combinations of types can be written without reflection.
    /// </param>
    [Event(SummaryEvent, Level = EventLevel.Informational)]
    public void Summary(string name, string numbers) => WriteEvent(SummaryEvent, name, numbers);

    /// <summary>One call.</summary>
    /// <param name="thread">The thread's id in its own pid namespace.</param>
    /// <param name="number">Of the call.</param>
    /// <param name="nanoseconds">From its arrival at the handler to its result.</param>
    [Event(EndedEvent, Level = EventLevel.Verbose, Keywords = Keywords.EveryCall)]
    public void Ended(long thread, long number, long nanoseconds) =>
        WriteEvent(EndedEvent, thread, number, nanoseconds);

    protected override void OnEventCommand(EventCommandEventArgs command)
    {
        if (command.Command == EventCommand.Enable)
            _counters ??= new SentryCounters(this, _gauges, _nameOf);
    }

    protected override void Dispose(bool disposing)
    {
        _counters?.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>What a session can choose; by this name the runtime finds them.</summary>
    public static class Keywords
    {
        /// <summary>An event for each call: they cost time.</summary>
        public const EventKeywords EveryCall = (EventKeywords)1;
    }
}
