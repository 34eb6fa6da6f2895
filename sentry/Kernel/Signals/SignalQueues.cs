using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>A thread's own queue and its process's, seen as one. With Tree held.</summary>
internal static class SignalQueues
{
    /// <summary>
    /// Takes a signal of <paramref name="wanted"/>: the thread's own come first (sigwaitinfo(2), signalfd(2),
    /// delivery).
    /// </summary>
    public static bool TryTake(Task task, SignalSet wanted, out SignalInfo info)
    {
        if (!task.Pending.TryTake(wanted, out info) && !task.Group.Pending.TryTake(wanted, out info))
            return false;
        if (info.Code == SignalInfo.CodeTimer)
            (task.Group.Timers as Timers.ProcessTimers)?.OnSignalTaken(ref info);
        return true;
    }

    /// <summary>All that is pending for the thread (sigpending(2)).</summary>
    public static SignalSet PendingOf(Task task) => task.Pending.Set | task.Group.Pending.Set;

    /// <summary>True if a signal or a stop would do something before the thread runs guest code again.</summary>
    public static bool Disturb(Task task) =>
        task.Group.StopSignal != Signal.None || !(PendingOf(task) & ~task.SignalMask).IsEmpty;

    /// <summary>
    /// Forgets what was sent to a thread that ends, and to its process if it was the last, so that nothing counts
    /// towards the user's limit any more. Called at thread exit.
    /// </summary>
    public static void Discard(Task task)
    {
        task.Pending.Discard(SignalSet.Full);
        if (task.Group.Tasks.Count == 0)
            task.Group.Pending.Discard(SignalSet.Full);
    }
}
