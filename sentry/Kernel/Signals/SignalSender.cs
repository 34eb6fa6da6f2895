using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>
/// Sends signals: queues them, applies stop and continue side effects, wakes who must look (signal(7)). Everything here
/// runs with the kernel's Tree lock held. A null sender is the kernel itself,
/// or the operator outside of every pid namespace.
/// </summary>
internal static class SignalSender
{
    /// <summary>To one thread. EAGAIN if a real-time signal does not fit RLIMIT_SIGPENDING.</summary>
    public static Errno SendToTask(Task target, in SignalInfo info, Task? sender = null) =>
        target.IsExited ? Errno.Ok : Send(target.Group, target, info, sender);

    /// <summary>
    /// To a process: some thread that does not block it takes it. EAGAIN as for <see cref="SendToTask"/>.
    /// </summary>
    public static Errno SendToGroup(ThreadGroup target, in SignalInfo info, Task? sender = null) =>
        Send(target, null, info, sender);

    /// <summary>
    /// To every process of a group (terminal input, kill(2) by the kernel). Errors are dropped:
    /// there is nobody to tell.
    /// </summary>
    public static void SendToProcessGroup(ProcessGroup target, in SignalInfo info)
    {
        foreach (ThreadGroup member in target.Members)
            SendToGroup(member, info);
    }

    /// <summary>
    /// A signal the thread cannot escape (a fault of its own code): if it is blocked or ignored,
    /// it takes its default action.
    /// </summary>
    public static void Force(Task target, in SignalInfo info, bool isFatal = false)
    {
        SignalHandlers handlers = target.Group.Handlers;
        Signal signal = info.Signal;
        bool isBlocked = target.SignalMask.Has(signal);
        if (isBlocked || isFatal || handlers[signal].IsIgnore)
        {
            handlers[signal] = default;
            if (isBlocked)
                target.SignalMask &= ~SignalSet.Of(signal);
        }

        // Even PID 1 dies of its own faults.
        if (handlers[signal].IsDefault)
            target.Group.HasForcedFault = true;
        SendToTask(target, info);
    }

    /// <summary>
    /// Tells the parent that its child is a zombie: its exit signal and its waiters. True if nobody will wait for it
    /// (SIGCHLD ignored or SA_NOCLDWAIT): the caller reaps it at once.
    /// </summary>
    public static bool NotifyParentOfExit(ThreadGroup group)
    {
        if (group.Parent is not { } parent)
            return false;
        Signal signal = group.ExitSignal;
        bool isReapedAtOnce = IsReapedAtOnce(group);
        if (signal != Signal.None && !(isReapedAtOnce && parent.Handlers[Signal.Child].IsIgnore))
            SendToGroup(parent, ParentNotice.OfExit(group, parent));
        parent.ChildWaiters.Notify(PollEvents.In);
        return isReapedAtOnce;
    }

    /// <summary>Whether nobody will wait for a process (wait(2): SIGCHLD ignored or SA_NOCLDWAIT).</summary>
    public static bool IsReapedAtOnce(ThreadGroup group)
    {
        if (group.ExitSignal != Signal.Child || group.Parent is not { } parent)
            return false;
        SignalAction action = parent.Handlers[Signal.Child];
        return action.IsIgnore || (action.Flags & SignalAction.NoChildWait) != 0;
    }

    /// <summary>
    /// True if a thread looks at this signal as soon as it can: it does not block it, or waits for it. What stands
    /// still looks at nothing but SIGKILL.
    /// </summary>
    private static bool Wants(Task task, Signal signal) =>
        !task.IsExited && (!task.IsStopped || signal == Signal.Kill)
            && (!task.SignalMask.Has(signal) || task.WaitedSignals.Has(signal));

    private static Errno Send(ThreadGroup group, Task? only, in SignalInfo info, Task? sender)
    {
        Signal signal = info.Signal;
        if (group.IsExiting || group.IsZombie || group.Tasks.Count == 0)
            return Errno.Ok;
        ApplySideEffects(group, signal);

        Task representative = only ?? (group.Leader.IsExited ? group.Tasks[0] : group.Leader);
        bool isForced = sender is null || sender.Id.In(group.Id.Namespace) == 0;
        if (IsIgnored(representative, signal, isForced))
            return Errno.Ok;

        PendingSignals queue = only?.Pending ?? group.Pending;
        if (Enqueue(queue, representative, info) is not Errno.Ok and Errno error)
            return error;
        group.Handlers.FileWaiters.Notify(PollEvents.In);
        Complete(group, only, signal, isForced);
        return Errno.Ok;
    }

    private static Errno Enqueue(PendingSignals queue, Task target, in SignalInfo info)
    {
        Signal signal = info.Signal;
        if (signal < Signal.FirstRealTime && queue.Set.Has(signal))
            return Errno.Ok;
        SignalQuota quota = target.Kernel.SignalQuotaOf(target.Credentials.UserId);
        bool mayExceed = signal < Signal.FirstRealTime && info.Code >= 0;
        MemoryAccount? account = mayExceed ? null : target.Account;
        if (!mayExceed
            && ((ulong)quota.Queued >= target.Group.Limits[Resource.PendingSignals].Soft
                || account?.TryChargeObject(ObjectCost.QueuedSignal) == false))
        {
            // sigqueue(3) hears of it; a kill of a real-time signal loses its details instead.
            if (signal >= Signal.FirstRealTime && info.Code != SignalInfo.CodeUser)
                return Errno.EAGAIN;
            queue.AddWithoutInfo(signal);
            return Errno.Ok;
        }

        queue.Add(info, quota, account);
        return Errno.Ok;
    }

    /// <summary>Stops and continues discard each other and act at once, whether blocked, caught or ignored.</summary>
    private static void ApplySideEffects(ThreadGroup group, Signal signal)
    {
        if (DefaultActions.Stops.Has(signal))
        {
            Discard(group, SignalSet.Of(Signal.Continue));
        }
        else if (signal == Signal.Continue)
        {
            Discard(group, DefaultActions.Stops);
            GroupStop.Continue(group);
        }
    }

    private static void Discard(ThreadGroup group, SignalSet signals)
    {
        group.Pending.Discard(signals);
        foreach (Task task in group.Tasks)
            task.Pending.Discard(signals);
    }

    /// <summary>
    /// True if sending has no effect. A blocked signal is never ignored: it may be handled by the time it is unblocked.
    /// </summary>
    private static bool IsIgnored(Task task, Signal signal, bool isForced)
    {
        if (task.SignalMask.Has(signal) || (task.Trace is not null && signal != Signal.Kill))
            return false; // A tracer sees what is ignored, too.
        SignalAction action = task.Group.Handlers[signal];
        if (action.IsDefault && task.Group.IsProtected && !(isForced && SignalSet.Unblockable.Has(signal)))
            return true;
        return action.IsIgnore || (action.IsDefault && DefaultActions.Of(signal) == DefaultAction.Ignore);
    }

    /// <summary>
    /// Finds the thread that takes the signal and wakes it; a fatal signal ends the whole process right here.
    /// </summary>
    private static void Complete(ThreadGroup group, Task? only, Signal signal, bool isForced)
    {
        Task? taker = only is null ? Choose(group, signal) : Wants(only, signal) ? only : null;
        if (taker is null)
            return;
        if (taker.WaitedSignals.Has(signal))
        {
            taker.Sleeper.Parker.Wake();
            return;
        }

        bool isProtected = group.IsProtected && !(isForced && SignalSet.Unblockable.Has(signal));
        if (group.Handlers[signal].IsDefault && DefaultActions.Of(signal) == DefaultAction.Terminate && !isProtected
            && (taker.Trace is null || signal == Signal.Kill))
            TaskExit.BeginGroupExit(group, (int)signal);
        else
            taker.Notify();
    }

    /// <summary>
    /// The main thread if it may, else another one; one that is not busy with a signal already is preferred.
    /// </summary>
    private static Task? Choose(ThreadGroup group, Signal signal)
    {
        Task? busy = null;
        if (Wants(group.Leader, signal))
        {
            if (!group.Leader.HasWork)
                return group.Leader;
            busy = group.Leader;
        }

        foreach (Task task in group.Tasks)
        {
            if (!Wants(task, signal))
                continue;
            if (!task.HasWork)
                return task;
            busy ??= task;
        }

        return busy;
    }
}
