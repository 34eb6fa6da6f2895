using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Ptrace;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>Stopping and continuing a whole process (job control; signal(7), wait(2)).</summary>
internal static class GroupStop
{
    /// <summary>
    /// A stop signal was taken: all threads will stop. SIGTSTP, SIGTTIN and SIGTTOU do nothing to an orphaned process
    /// group, which nobody could continue. With Tree held.
    /// </summary>
    public static void Begin(ThreadGroup group, Signal signal)
    {
        if (group.IsExiting || group.StopSignal != Signal.None)
            return;
        if (signal != Signal.Stop && group.ProcessGroup.IsOrphaned())
            return;
        group.StopSignal = signal;
        group.HasUnreportedContinue = false;
        foreach (Task task in group.Tasks)
            task.Notify();
    }

    /// <summary>
    /// The calling thread stops until SIGCONT or the end of the process. Own thread, without Tree; returns at once if
    /// the stop is already over.
    /// </summary>
    public static void Stop(Task task)
    {
        ThreadGroup group = task.Group;
        using (task.Kernel.Tree.Enter())
        {
            if (group.StopSignal == Signal.None || group.IsExiting)
                return;
            task.Sleeper.Parker.Reset();
            task.IsStopped = true;
            CompleteIfLast(group);
        }

        // IsStopped is cleared by Continue, and by whoever makes the process exit together with a wake.
        while (IsStillStopped(task))
            task.Sleeper.Parker.ParkUninterruptibly(Deadline.Never);
    }

    /// <summary>
    /// A thread has gone away: if all others stand still, the stop is complete now. With Tree held;
    /// called at thread exit.
    /// </summary>
    public static void OnThreadExit(ThreadGroup group)
    {
        if (group.StopSignal != Signal.None && !group.IsExiting && group.Tasks.Count > 0)
            CompleteIfLast(group);
    }

    /// <summary>SIGCONT was sent. With Tree held.</summary>
    public static void Continue(ThreadGroup group)
    {
        if (group.StopSignal == Signal.None)
            return;
        Signal stopSignal = group.StopSignal;
        bool wasComplete = IsComplete(group);
        group.StopSignal = Signal.None;
        group.HasUnreportedStop = false;
        foreach (Task task in group.Tasks)
        {
            task.IsStopped = false;
            if (task.Trace is { } trace)
                trace.IgnoresGroupStop = false;
            task.Sleeper.Parker.Wake(); // Whoever sleeps in a stop of its tracer's looks, and sleeps on.
        }

        if (group.Parent is not { } parent)
            return;
        group.HasUnreportedContinue = wasComplete;
        SendToParent(parent, wasComplete
            ? ParentNotice.OfContinue(group, parent)
            : ParentNotice.OfStop(group, parent, stopSignal));
    }

    /// <summary>
    /// A tracer that comes to a stopped process takes the stop over (ptrace(2), PTRACE_SEIZE): it becomes its own.
    /// </summary>
    private static bool IsStillStopped(Task task)
    {
        using (task.Kernel.Tree.Enter())
        {
            bool isTracers = task.Trace is { } trace && (trace.Mode != TraceMode.Listen || trace.IsInterruptRequested);
            if (task.IsStopped && !isTracers && !task.Group.IsExiting && task.Group.ExecutingTask is null)
                return true;
            task.IsStopped = false;
            return false;
        }
    }

    private static bool IsComplete(ThreadGroup group)
    {
        foreach (Task task in group.Tasks)
        {
            if (!task.IsStopped)
                return false;
        }

        return true;
    }

    private static void CompleteIfLast(ThreadGroup group)
    {
        if (!IsComplete(group))
            return;
        group.HasUnreportedStop = true;
        if (group.Parent is { } parent)
            SendToParent(parent, ParentNotice.OfStop(group, parent, group.StopSignal));
    }

    private static void SendToParent(ThreadGroup parent, in SignalInfo info)
    {
        SignalAction action = parent.Handlers[Signal.Child];
        if (!action.IsIgnore && (action.Flags & SignalAction.NoChildStop) == 0)
            SignalSender.SendToGroup(parent, info);
        parent.ChildWaiters.Notify(PollEvents.In);
    }
}
