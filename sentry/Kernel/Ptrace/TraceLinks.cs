using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Kernel.Ptrace;

/// <summary>Who traces whom: begins and ends of it, and what tracers are told. With Tree held unless said otherwise.</summary>
internal static class TraceLinks
{
    /// <summary>
    /// Whether a task may look into and steer another (ptrace(2), "Ptrace access mode checking", PTRACE_MODE_ATTACH_REALCREDS).
    /// </summary>
    public static bool MayAttach(Task tracer, Task target)
    {
        Credentials mine = tracer.Credentials, other = target.Credentials;
        bool isSame = mine.UserId == other.UserId && mine.UserId == other.EffectiveUserId && mine.UserId == other.SavedUserId
            && mine.GroupId == other.GroupId && mine.GroupId == other.EffectiveGroupId && mine.GroupId == other.SavedGroupId;
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
    /// A new child of a traced task, before it first runs: with the options for it, it is traced from its first instruction on.
    /// Takes Tree itself.
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
    /// A task ends: what it traced is free or killed, and its own tracer gets to know. Called when it leaves its group.
    /// </summary>
    public static void OnExit(Task task)
    {
        foreach (Task tracee in task.Group.Tracees.ToArray())
        {
            if (tracee.Trace is not { } theirs || theirs.Tracer != task)
                continue;
            Unlink(tracee, Signal.None);
            if (theirs.Has(TraceOptions.ExitKill))
                TaskExit.BeginGroupExit(tracee.Group, (int)Signal.Kill);
        }

        if (task.Trace is not { } trace)
            return;
        ThreadGroup tracer = trace.Tracer.Group;
        Unlink(task, Signal.None);
        // The natural parent hears of the leader by itself.
        if (task == task.Group.Leader && tracer == task.Group.Parent)
            return;
        tracer.TraceExits.Add(new TraceExit(
            task.Id, task.Group.IsExiting ? task.Group.ExitStatus : task.ExitStatus, task.Credentials.UserId));
        tracer.ChildWaiters.Notify(PollEvents.In);
    }
}
