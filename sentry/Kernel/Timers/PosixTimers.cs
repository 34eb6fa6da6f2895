using Sandbox.Sentry.Kernel.Signals;

namespace Sandbox.Sentry.Kernel.Timers;

/// <summary>timer_create(2) timers of a process.</summary>
internal static class PosixTimers
{
    /// <summary>A timer's signal leaves the queue: its overrun count is settled. With Tree held.</summary>
    public static void OnSignalTaken(ThreadGroup group, ref SignalInfo info)
    {
        if (group.Timers is ProcessTimers)
            ProcessTimers.OnSignalTaken(ref info);
    }
}
