using Sandbox.Sentry.Kernel.Signals;

namespace Sandbox.Sentry.Kernel.Timers;

/// <summary>The interval timers and POSIX timers of a process.</summary>
internal sealed class ProcessTimers
{
    /// <summary>A timer's signal leaves the queue: its overrun count is settled. With Tree held.</summary>
    public static void OnSignalTaken(ref SignalInfo info) => info.Overrun = 0;
}
