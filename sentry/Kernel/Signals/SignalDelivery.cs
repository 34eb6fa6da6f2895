using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Ptrace;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>
/// What happens between the kernel and the guest's next instruction: stops, exits, restarts and signal handlers.
/// </summary>
internal static class SignalDelivery
{
    private enum Step
    {
        Done,
        RunHandler,
        Stop,
        Hold,
        AskTracer,
        Exit,
    }

    /// <summary>
    /// With full state at hand: deals with everything pending and says how the thread goes on.
    /// <c>task.SyscallNumber</c> is the call just finished (with its raw result in <c>task.SyscallResult</c>,
    /// restart codes included), or -1.
    /// </summary>
    public static GuestAction BeforeResume(Task task, IGuestThread thread)
    {
        while (true)
        {
            if (task.Trace is { } trace && TraceStops.Take(task, trace, thread))
                continue;
            Step step = NextStep(task, out SignalInfo info, out SignalAction action);
            if (step == Step.AskTracer)
                step = AfterTracer(task, ref info, out action);
            switch (step)
            {
                case Step.Exit:
                    return TaskExit.Run(task);
                case Step.Stop when task.Trace is { } stopped:
                    TraceStops.OnGroupStop(task, stopped);
                    break;
                case Step.Stop:
                    GroupStop.Stop(task);
                    break;
                case Step.AskTracer:
                    break;
                case Step.Hold:
                    ContainerPause.Hold(task);
                    break;
                case Step.RunHandler:
                    SyscallRestart.Apply(task, ref thread.Registers, action);
                    RunHandler(task, thread, in action, in info);
                    break;
                default:
                    SyscallRestart.Apply(task, ref thread.Registers, null);
                    if (task.SavedSignalMask is not { } saved)
                        return GuestAction.Resume;
                    task.SavedSignalMask = null;
                    SignalMasking.Set(task, saved);
                    if (!task.HasWork)
                        return GuestAction.Resume;
                    break;
            }
        }
    }

    /// <summary>A fault of the thread's own code. Own thread, full state.</summary>
    public static GuestAction OnFault(Task task, IGuestThread thread, in FaultInfo fault)
    {
        task.LastFault = fault;
        if (task.Trace is { Phase: TracePhase.Repeating } trace)
            trace.Phase = TracePhase.None; // The call it stood before is not there any more.
        SignalInfo info = new() { Number = fault.Signal, Code = fault.Code, Address = fault.Address };
        using (task.Kernel.Tree.Enter())
            SignalSender.Force(task, info);
        return BeforeResume(task, thread);
    }

    private static Step NextStep(Task task, out SignalInfo info, out SignalAction action)
    {
        action = default;
        ThreadGroup group = task.Group;
        task.BeginWork();
        using (task.Kernel.Tree.Enter())
        {
            while (true)
            {
                info = default;
                if (group.IsExiting || (group.ExecutingTask is { } executing && executing != task))
                    return Step.Exit;
                if (ContainerPause.MustHold(task))
                    return Step.Hold;
                if (task.Trace is { Phase: TracePhase.Repeating })
                {
                    // It stands before a call, which comes first: that finds what is pending by itself.
                    if (SignalQueues.Disturb(task))
                        task.MarkWork();
                    return Step.Done;
                }

                if (group.StopSignal != Signal.None && task.Trace is not { IgnoresGroupStop: true })
                    return Step.Stop;
                if (!SignalQueues.TryTake(task, ~task.SignalMask, out info))
                    return Step.Done;

                if (task.Trace is not null && info.Signal != Signal.Kill)
                    return Step.AskTracer;
                if (Act(group, info.Signal, out action))
                    return Step.RunHandler;
            }
        }
    }

    // The tracer looks at the signal, without Tree; what it leaves of it acts. AskTracer: look again for what is next.
    private static Step AfterTracer(Task task, ref SignalInfo info, out SignalAction action)
    {
        action = default;
        if (task.Trace is { } trace)
            info = TraceStops.OnSignal(task, trace, info);
        if (info.Number == 0)
            return Step.AskTracer;
        task.MarkWork(); // There may be more signals behind this one.
        using (task.Kernel.Tree.Enter())
        {
            if (task.Group.IsExiting)
                return Step.Exit;
            return Act(task.Group, info.Signal, out action) ? Step.RunHandler : Step.AskTracer;
        }
    }

    // True if a handler is to run. With Tree held.
    private static bool Act(ThreadGroup group, Signal signal, out SignalAction action)
    {
        action = group.Handlers[signal];
        if (action.IsIgnore)
            return false;
        if (!action.IsDefault)
        {
            if ((action.Flags & SignalAction.ResetHandler) != 0)
                group.Handlers[signal] = default;
            return true;
        }

        TakeDefaultAction(group, signal);
        return false;
    }

    private static void TakeDefaultAction(ThreadGroup group, Signal signal)
    {
        if (group.IsProtected && !SignalSet.Unblockable.Has(signal))
            return;
        switch (DefaultActions.Of(signal))
        {
            case DefaultAction.Ignore:
                break;
            case DefaultAction.Stop:
                GroupStop.Begin(group, signal);
                break;
            default:
                TaskExit.BeginGroupExit(group, (int)signal);
                break;
        }
    }

    private static void RunHandler(Task task, IGuestThread thread, in SignalAction action, in SignalInfo info)
    {
        Signal signal = info.Signal;
        Errno error = SignalFrameWriter.Push(task, thread, in action, in info);
        using (task.Kernel.Tree.Enter())
        {
            task.SavedSignalMask = null;
            if (error != Errno.Ok)
            {
                // No stack to run the handler on. If that was SIGSEGV's own handler, nothing is left to try.
                SignalSender.Force(task, SignalInfo.FromKernel(Signal.Segment), isFatal: signal == Signal.Segment);
                return;
            }

            SignalSet blocked = task.SignalMask | action.Mask;
            if ((action.Flags & SignalAction.NoDefer) == 0)
                blocked |= SignalSet.Of(signal);
            SignalMasking.Change(task, blocked);
        }

        AlternateStacks.DisarmIfAutomatic(task);
    }
}
