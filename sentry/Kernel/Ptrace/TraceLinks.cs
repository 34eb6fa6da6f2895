using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Kernel.Ptrace;

/// <summary>
/// Who traces whom: begins and ends of it, and what tracers are told. With Tree held unless said otherwise.
/// </summary>
internal static class TraceLinks
{
    /// <summary>
    /// Whether a task may look into and steer another (ptrace(2), "Ptrace access mode checking",
    /// PTRACE_MODE_ATTACH_REALCREDS).
    /// </summary>
    public static bool MayAttach(Task tracer, Task target)
    {
        Credentials mine = tracer.Credentials, other = target.Credentials;
        bool isSame = mine.UserId == other.UserId && mine.UserId == other.EffectiveUserId
            && mine.UserId == other.SavedUserId
            && mine.GroupId == other.GroupId && mine.GroupId == other.EffectiveGroupId
            && mine.GroupId == other.SavedGroupId;
        return (isSame && target.GuestMemory.IsDumpable && other.Permitted.IsSubsetOf(mine.Permitted))
            || mine.Has(Capability.SysPtrace, other.UserNamespace);
    }

    /// <summary>Makes one task the tracer of another, which nobody traces.</summary>
    public static TraceState Link(Task tracer, Task tracee, TraceOptions options, bool isSeized)
    {
        TraceState trace = new(tracer, options, isSeized);
        tracee.Trace = trace;
        tracer.Group.Tracees.Add(tracee);
        return trace;
    }

    /// <summary>The tracee goes on alone.</summary>
    public static void Unlink(Task tracee, Signal signal)
    {
        if (tracee.Trace is not { } trace)
            return;
        trace.Tracer.Group.Tracees.Remove(tracee);
        trace.Mode = TraceMode.Continue;
        trace.Signal = signal;
        trace.IsStopped = trace.HasUnreportedStop = false;
        tracee.Trace = null;
        tracee.Sleeper.Parker.Wake();
    }

    /// <summary>Lets a stopped tracee go on.</summary>
    public static void Resume(Task tracee, TraceState trace, TraceMode mode, Signal signal)
    {
        (trace.Mode, trace.Signal) = (mode, signal);
        trace.IsStopped = trace.HasUnreportedStop = false;
        tracee.Sleeper.Parker.Wake();
    }

    /// <summary>A stop began: SIGCHLD for the tracer's process, and whoever waits there.</summary>
    public static void TellTracer(Task tracee, TraceState trace)
    {
        ThreadGroup tracer = trace.Tracer.Group;
        SignalAction action = tracer.Handlers[Signal.Child];
        if (!action.IsIgnore && (action.Flags & SignalAction.NoChildStop) == 0)
        {
            SignalSender.SendToGroup(tracer, new SignalInfo
            {
                Number = (int)Signal.Child,
                Code = SignalInfo.ChildTrapped,
                SenderPid = tracee.Id.In(tracer.Id.Namespace),
                SenderUserId = tracer.Leader.Credentials.UserNamespace.UserFromKernel(tracee.Credentials.UserId),
                Status = (trace.Status >> 8) & 0xFF,
            });
        }

        tracer.ChildWaiters.Notify(PollEvents.In);
    }

    /// <summary>
    /// A new child of a traced task, before it first runs: with the options for it, it is traced from its first
    /// instruction on. Takes Tree itself.
    /// </summary>
    public static void OnClone(Task parent, Task child, TraceOptions kind)
    {
        using (parent.Kernel.Tree.Enter())
        {
            if (parent.Trace is not { } trace || !trace.Has(kind))
                return;
            TraceState childTrace = Link(trace.Tracer, child, trace.Options, trace.IsSeized);
            childTrace.SeesAllCalls = trace.SeesAllCalls;
            if (trace.IsSeized)
                childTrace.IsInterruptRequested = true;
            else
                child.Pending.AddWithoutInfo(Signal.Stop);
            child.Notify();
        }
    }

    /// <summary>
    /// A task ends: what it traced is free or killed, and its own tracer gets to know (of a leader: with its process).
    /// Called when it leaves its group. True if the tracer must wait for it: its id stays until then.
    /// </summary>
    public static bool OnExit(Task task)
    {
        foreach (Task tracee in task.Group.Tracees.ToArray())
        {
            if (tracee.Trace is not { } theirs || theirs.Tracer != task)
                continue;
            if (theirs.HasEnded)
            {
                Release(tracee, theirs);
                continue;
            }

            Unlink(tracee, Signal.None);
            if (theirs.Has(TraceOptions.ExitKill))
                TaskExit.BeginGroupExit(tracee.Group, (int)Signal.Kill);
        }

        if (task.Trace is not { } trace)
            return false;
        trace.HasEnded = true;
        if (task == task.Group.Leader)
            return true;
        task.Group.UnwaitedThreads++;
        TellTracerOfExit(task, trace, Signal.Child);
        return true;
    }

    /// <summary>
    /// Whether the end of a process is its tracer's to see first:
    /// another process than its parent traces its main thread.
    /// </summary>
    public static bool IsHeldByTracer(ThreadGroup group) =>
        group.Leader.Trace is { } trace && trace.Tracer.Group != group.Parent;

    /// <summary>
    /// A process has become waitable while its main thread is traced: the tracer hears of it, and nobody reaps it at
    /// once, whatever the parent does with SIGCHLD. The parent hears of it when the tracer has waited, or has gone.
    /// </summary>
    public static void OnProcessExit(ThreadGroup group, TraceState trace) =>
        TellTracerOfExit(group.Leader, trace, IsHeldByTracer(group) ? Signal.Child : group.ExitSignal);

    /// <summary>
    /// The tracer has waited for a tracee that has ended, or has ended itself: a thread is gone now;
    /// a process is its parent's.
    /// </summary>
    public static void Release(Task tracee, TraceState trace)
    {
        ThreadGroup group = tracee.Group;
        bool wasHeld = IsHeldByTracer(group);
        Unlink(tracee, Signal.None);
        if (tracee != group.Leader)
        {
            group.UnwaitedThreads--;
            TaskExit.ReleaseId(tracee);
            ProcessExit.Announce(group);
        }
        else if (wasHeld)
        {
            ProcessExit.Announce(group);
        }
        else if (group.IsWaitable && SignalSender.IsReapedAtOnce(group))
        {
            // The parent has its signal already; its tracer thread has gone.
            ProcessExit.Reap(group);
            trace.Tracer.Group.ChildWaiters.Notify(PollEvents.In);
        }
    }

    private static void TellTracerOfExit(Task tracee, TraceState trace, Signal signal)
    {
        ThreadGroup tracer = trace.Tracer.Group;
        if (signal != Signal.None)
            SignalSender.SendToGroup(tracer, ParentNotice.OfExit(tracee, tracer, signal));
        tracer.ChildWaiters.Notify(PollEvents.In);
    }
}
