using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Ptrace;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.Processes;

/// <summary>wait4(2) and waitid(2) options.</summary>
[Flags]
internal enum WaitOptions
{
    NoHang = 1,
    Stopped = 2,
    Exited = 4,
    Continued = 8,
    NoReap = 0x01000000,
    NoThread = 0x20000000,
    All = 0x40000000,
    CloneOnly = unchecked((int)0x80000000),
}

/// <summary>Which children a wait is about.</summary>
internal enum WaitTarget
{
    Any,
    Process,
    ProcessGroup,
}

/// <summary>What a wait found: a child's change of state.</summary>
/// <param name="Pid">As the waiter sees it; 0 if nothing was found (WNOHANG).</param>
/// <param name="Status">The wait status (wait(2)).</param>
/// <param name="Code">CLD_* (waitid(2)).</param>
/// <param name="UserId">The child's real uid, kernel id.</param>
/// <param name="UserTime">CPU time of the child and its reaped children, nanoseconds.</param>
/// <param name="SystemTime">The same for kernel time.</param>
/// <param name="PeakResident">Largest resident set of the child and its reaped children, KiB.</param>
internal readonly record struct ChildChange(
    int Pid, int Status, int Code, uint UserId, long UserTime, long SystemTime, long PeakResident);

/// <summary>Waits for children (wait4(2), waitid(2)).</summary>
internal static class ChildWait
{
    /// <summary>
    /// ECHILD without such children; ERESTARTSYS when a signal ends the wait. Pid 0 for WNOHANG with nothing to report.
    /// </summary>
    public static Result<ChildChange> Wait(Task task, WaitTarget target, Pid? id, WaitOptions options)
    {
        ThreadGroup group = task.Group;
        WaitNode node = new();
        task.Sleeper.Parker.Reset();
        group.ChildWaiters.Add(node, task.Sleeper, PollEvents.Readable);
        try
        {
            Errno interrupted = Errno.Ok;
            while (true)
            {
                if (Look(task, target, id, options).Failed(out ChildChange change, out Errno error))
                    return error;
                if (change.Pid != 0 || (options & WaitOptions.NoHang) != 0)
                    return change;
                if (interrupted != Errno.Ok)
                    return interrupted;

                // A child's end comes with SIGCHLD: it is reported, not the signal, if both are there.
                interrupted = task.Sleeper.Parker.Park(Deadline.Never);
            }
        }
        finally
        {
            group.ChildWaiters.Remove(node);
        }
    }

    private static Result<ChildChange> Look(Task task, WaitTarget target, Pid? id, WaitOptions options)
    {
        bool hasCandidate = false;
        using RankedLock.Scope _ = task.Kernel.Tree.Enter();
        foreach (ThreadGroup child in task.Group.Children)
        {
            if (!Matches(child, target, id, options))
                continue;
            hasCandidate = true;
            if (Report(task, child, options) is { } change)
                return change;
        }

        if (LookAtTracees(task, target, id, options, ref hasCandidate) is { } traced)
            return traced;
        return hasCandidate ? default(ChildChange) : Errno.ECHILD;
    }

    // Traced threads, whoever's children they are. With Tree held.
    private static ChildChange? LookAtTracees(
        Task task, WaitTarget target, Pid? id, WaitOptions options, ref bool hasCandidate)
    {
        bool consume = (options & WaitOptions.NoReap) == 0;
        foreach (Task tracee in task.Group.Tracees)
        {
            bool matches = target switch
            {
                WaitTarget.Process => tracee.Id == id,
                WaitTarget.ProcessGroup => tracee.Group.ProcessGroup.Id == id,
                _ => true,
            };
            if (!matches || tracee.Trace is not { } trace)
                continue;
            hasCandidate = true;
            if (trace.HasEnded && ReportEnd(task, tracee, trace, options) is { } ended)
                return ended;
            if (!trace.HasUnreportedStop)
                continue;
            trace.HasUnreportedStop = !consume;
            return new ChildChange(
                tracee.Id.In(task.PidNamespace), trace.Status, SignalInfo.ChildTrapped, tracee.Credentials.UserId,
                0, 0, 0);
        }

        return null;
    }

    // A process's main thread is reported with all of it. With Tree held.
    private static ChildChange? ReportEnd(Task task, Task tracee, TraceState trace, WaitOptions options)
    {
        ThreadGroup group = tracee.Group;
        bool isProcess = tracee == group.Leader;
        if ((options & WaitOptions.Exited) == 0 || (isProcess && !group.IsWaitable))
            return null;
        int status = tracee.WaitStatus;
        ChildChange ended = isProcess
            ? Describe(task, group, status, CodeOf(status))
            : new(tracee.Id.In(task.PidNamespace), status, CodeOf(status), tracee.Credentials.UserId, 0, 0, 0);
        if ((options & WaitOptions.NoReap) != 0)
            return ended;
        if (isProcess && !TraceLinks.IsHeldByTracer(group))
            ProcessExit.Reap(group);
        else
            TraceLinks.Release(tracee, trace);
        return ended;
    }

    private static bool Matches(ThreadGroup child, WaitTarget target, Pid? id, WaitOptions options)
    {
        bool isClone = child.ExitSignal != Signal.Child;
        if ((options & WaitOptions.All) == 0 && isClone != ((options & WaitOptions.CloneOnly) != 0))
            return false;
        return target switch
        {
            WaitTarget.Process => child.Id == id,
            WaitTarget.ProcessGroup => child.ProcessGroup.Id == id,
            _ => true,
        };
    }

    // With Tree held.
    private static ChildChange? Report(Task task, ThreadGroup child, WaitOptions options)
    {
        bool consume = (options & WaitOptions.NoReap) == 0;
        if (child.IsZombie)
        {
            if ((options & WaitOptions.Exited) == 0 || !child.IsWaitable || TraceLinks.IsHeldByTracer(child))
                return null;
            ChildChange exited = Describe(task, child, child.ExitStatus, CodeOf(child.ExitStatus));
            if (consume)
                ProcessExit.Reap(child);
            return exited;
        }

        if (child.HasUnreportedStop && (options & WaitOptions.Stopped) != 0)
        {
            child.HasUnreportedStop = !consume;
            return Describe(task, child, ((int)child.StopSignal << 8) | 0x7F, SignalInfo.ChildStopped);
        }

        if (child.HasUnreportedContinue && (options & WaitOptions.Continued) != 0)
        {
            child.HasUnreportedContinue = !consume;
            return Describe(task, child, 0xFFFF, SignalInfo.ChildContinued);
        }

        return null;
    }

    private static int CodeOf(int status) =>
        (status & 0x7F) == 0 ? SignalInfo.ChildExited
        : (status & 0x80) != 0 ? SignalInfo.ChildDumped
        : SignalInfo.ChildKilled;

    private static ChildChange Describe(Task task, ThreadGroup child, int status, int code)
    {
        (long user, long system) = child.TotalTime();
        return new ChildChange(
            child.Id.In(task.PidNamespace),
            status,
            code,
            child.Leader.Credentials.UserId,
            user + child.ChildrenUserTime,
            system + child.ChildrenSystemTime,
            Math.Max(child.PeakResident, child.ChildrenPeakResident));
    }
}
