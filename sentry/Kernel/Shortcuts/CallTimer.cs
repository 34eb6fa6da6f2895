using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Kernel.Timers;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.Shortcuts;

/// <summary>
/// Wakes a task whose deferred call has waited long enough. It is left armed when the call ends before, and looks when
/// it is due whether there is anything to wait for: most calls that can time out do not, and need not touch the queue.
/// </summary>
internal sealed class CallTimer(Task task) : TimerEntry
{
    /// <summary>
    /// When it is armed for; <see cref="long.MaxValue"/> while it is not. A value read late arms once too often.
    /// </summary>
    private long _armedFor = long.MaxValue;

    /// <summary>The call gives up then. The task's own thread.</summary>
    public void EndAt(Deadline deadline)
    {
        if (deadline.IsNever || Volatile.Read(ref _armedFor) <= deadline.Nanoseconds)
            return;
        Volatile.Write(ref _armedFor, deadline.Nanoseconds);
        task.Kernel.Timers.Arm(this, deadline);
    }

    protected internal override void OnDue()
    {
        Volatile.Write(ref _armedFor, long.MaxValue);
        Interlocked.MemoryBarrier();
        Deadline deadline = task.Sleeper.DeferredUntil;
        if (deadline.HasPassed)
            task.Sleeper.Parker.Wake();
        else
            EndAt(deadline);
    }
}
