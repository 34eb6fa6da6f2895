using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.Ptrace;

/// <summary>
/// The tracee's side of ptrace(2): where it stops, and how it goes on. All by the tracee's own thread.
/// </summary>
internal static class TraceStops
{
    private const ulong TrapFlag = 0x100, SyscallBytes = 2;
    private const int SystemCallStop = 0x80;

    /// <summary>
    /// A traced task has made a call. True if it is to stop first: <paramref name="action"/> brings it there. A tracer
    /// may look at all registers, which most calls come without: such a call is answered with ENOSYS, which is what its
    /// registers show at that stop on Linux, too, and made once more behind it.
    /// </summary>
    public static bool BeforeCall(Task task, TraceState trace, IGuestThread thread, out GuestAction action)
    {
        action = default;
        ref readonly SyscallArguments call = ref thread.Syscall;
        if (trace.Phase == TracePhase.Repeating && trace.CallAddress == call.InstructionPointer)
        {
            trace.Phase = trace.Mode == TraceMode.SystemCall ? TracePhase.Running : TracePhase.None;
            return false;
        }

        trace.Phase = TracePhase.None;
        if (trace.Mode != TraceMode.SystemCall)
            return false;
        (trace.Phase, trace.CallNumber, trace.CallAddress) =
            (TracePhase.Entering, call.Number, call.InstructionPointer);
        task.SyscallNumber = -1;
        const long notYet = -(long)Errno.ENOSYS;
        if (!thread.HasFullState)
        {
            action = GuestAction.ReturnThenInterrupt(notYet);
            return true;
        }

        thread.Registers.Rax = unchecked((ulong)notYet);
        action = SignalDelivery.BeforeResume(task, thread);
        return true;
    }

    /// <summary>The call is done. True if the tracee must come in with all registers to stop once more.</summary>
    public static bool AfterCall(TraceState trace)
    {
        if (trace.Phase != TracePhase.Running)
            return false;
        trace.Phase = TracePhase.Leaving;
        return true;
    }

    /// <summary>
    /// With full state, before signals are looked at: makes one stop that is due. True if there was one: look again.
    /// </summary>
    public static bool Take(Task task, TraceState trace, IGuestThread thread)
    {
        if (trace.IsExecPending)
        {
            trace.IsExecPending = false;
            AfterExec(task, trace, thread);
            return true;
        }

        switch (trace.Phase)
        {
            case TracePhase.Entering:
                StopBeforeCall(task, trace, ref thread.Registers);
                return true;
            case TracePhase.Leaving:
                trace.Phase = TracePhase.None;
                StopAfterCall(task, trace, ref thread.Registers);
                return true;
        }

        if (!trace.IsInterruptRequested)
            return false;
        trace.IsInterruptRequested = false;
        Signal group = task.Group.StopSignal;
        Stop(task, trace, TraceEvent.Stop, group == Signal.None ? Signal.Trap : group);
        return true;
    }

    /// <summary>
    /// A signal was taken and would act now. The tracer may drop it, replace it or let it act: gives what is left of
    /// it, with number 0 for nothing.
    /// </summary>
    public static SignalInfo OnSignal(Task task, TraceState trace, in SignalInfo info)
    {
        if (!Stop(task, trace, TraceEvent.None, info.Signal, info))
            return info;
        Signal signal = trace.Signal;
        if (signal == Signal.None)
            return default;
        if (signal == info.Signal)
            return trace.Info;
        return new SignalInfo
        {
            Number = (int)signal,
            Code = SignalInfo.CodeUser,
            SenderPid = trace.Tracer.Id.In(task.PidNamespace),
        };
    }

    /// <summary>
    /// The process is stopped (job control): tells the tracer, which may let the task go on all the same.
    /// </summary>
    public static void OnGroupStop(Task task, TraceState trace)
    {
        Signal signal = task.Group.StopSignal;
        if (signal == Signal.None)
            return;
        Stop(task, trace, trace.IsSeized ? TraceEvent.Stop : TraceEvent.None, signal);
        if (trace.Mode == TraceMode.Listen)
        {
            GroupStop.Stop(task);
            trace.IsInterruptRequested = true;
        }
        else
        {
            trace.IgnoresGroupStop = true;
        }
    }

    /// <summary>
    /// Something the tracer asked to be told of, if it did. With full state; not in a signal's or a call's way.
    /// </summary>
    public static void OnEvent(Task task, TraceOptions option, TraceEvent what, ulong message)
    {
        if (task.Trace is not { } trace || !trace.Has(option))
            return;
        trace.Message = message;
        Stop(task, trace, what, Signal.Trap);
    }

    /// <summary>
    /// Stops until the tracer lets go or the process ends; false if the latter. Afterwards the tracee's registers are
    /// what the tracer made of them.
    /// </summary>
    private static bool Stop(Task task, TraceState trace, TraceEvent what, Signal signal, SignalInfo? info = null)
    {
        int code = (int)signal | ((int)what << 8);
        SignalInfo told = info ?? new SignalInfo
        {
            Number = (int)signal & ~SystemCallStop, Code = code, SenderPid = task.Id.Own,
        };
        if (task.Thread.HasFullState)
            Touch(ref task.Thread.Registers); // The tracer finds them read.
        using (task.Kernel.Tree.Enter())
        {
            if (IsDying(task, what) || task.Trace != trace)
                return false;
            (trace.IsStopped, trace.HasUnreportedStop) = (true, true);
            (trace.Status, trace.Info, trace.Signal) = ((code << 8) | 0x7F, told, Signal.None);
            task.Sleeper.Parker.Reset();
            TraceLinks.TellTracer(task, trace);
        }

        while (IsStillStopped(task, trace, what, out TraceeErrand? errand))
        {
            try
            {
                errand?.Run(task.Thread);
            }
            finally
            {
                errand?.End(); // Somebody waits for it.
            }

            if (errand is null)
                task.Sleeper.Parker.ParkUninterruptibly(Deadline.Never);
        }

        SetTrapFlag(task, trace);
        return !task.Group.IsExiting;
    }

    // At its exit a task stops although its process is on the way out, unless that is by SIGKILL.
    private static bool IsDying(Task task, TraceEvent what) =>
        task.Group.IsExiting && (what != TraceEvent.Exit || task.Group.ExitStatus == (int)Signal.Kill);

    private static bool IsStillStopped(Task task, TraceState trace, TraceEvent what, out TraceeErrand? errand)
    {
        using (task.Kernel.Tree.Enter())
        {
            (errand, trace.Errand) = (trace.Errand, null);
            if (trace.IsStopped && !IsDying(task, what) && task.Group.ExecutingTask is null)
                return true;
            trace.IsStopped = trace.HasUnreportedStop = false;
            errand?.End();
            return false;
        }
    }

    private static void Touch(ref UserRegisters registers) => _ = registers.Rip;

    private static void SetTrapFlag(Task task, TraceState trace)
    {
        if (!task.Thread.HasFullState)
            return;
        ref UserRegisters registers = ref task.Thread.Registers;
        bool isWanted = trace.Mode == TraceMode.Step && task.Trace == trace;
        if (isWanted)
            registers.Eflags |= TrapFlag;
        else if (trace.HasTrapFlag)
            registers.Eflags &= ~TrapFlag;
        trace.HasTrapFlag = isWanted;
    }

    private static void StopBeforeCall(Task task, TraceState trace, ref UserRegisters registers)
    {
        registers.OrigRax = (ulong)trace.CallNumber;
        trace.IsAtEntry = true;
        bool isAlive = Stop(task, trace, TraceEvent.None, CallSignal(trace));
        trace.IsAtEntry = null;
        int call = (int)registers.OrigRax;
        registers.OrigRax = ulong.MaxValue;
        if (!isAlive || call < 0)
        {
            // Not to be made: its result is what the tracer has put into rax.
            trace.Phase = trace.Mode == TraceMode.SystemCall && isAlive ? TracePhase.Leaving : TracePhase.None;
            return;
        }

        registers.Rax = (ulong)call;
        registers.Rip -= SyscallBytes;
        trace.Phase = TracePhase.Repeating;
        trace.CallNumber = call;
    }

    private static void StopAfterCall(Task task, TraceState trace, ref UserRegisters registers)
    {
        if (task.SyscallNumber >= 0)
            registers.Rax = (ulong)task.SyscallResult.Register; // Restart codes show, as on Linux.
        registers.OrigRax = (ulong)trace.CallNumber;
        trace.IsAtEntry = false;
        Stop(task, trace, TraceEvent.None, CallSignal(trace));
        trace.IsAtEntry = null;
        registers.OrigRax = ulong.MaxValue;
    }

    private static void AfterExec(Task task, TraceState trace, IGuestThread thread)
    {
        trace.SeesAllCalls = false; // The new image has a stub of its own.
        SeeAllCalls(trace, thread);
        if (trace.Has(TraceOptions.Exec))
        {
            OnEvent(task, TraceOptions.Exec, TraceEvent.Exec, (ulong)task.Id.In(trace.Tracer.PidNamespace));
        }
        else if (!trace.IsSeized)
        {
            using (task.Kernel.Tree.Enter())
                SignalSender.SendToTask(task, new SignalInfo { Number = (int)Signal.Trap, Code = SignalInfo.CodeUser });
        }

        // execve(2) returns, too, if the tracer still wants to see calls.
        trace.Phase = trace.Mode == TraceMode.SystemCall ? TracePhase.Leaving : TracePhase.None;
    }

    /// <summary>Brings in what the host would execute by itself. With full state.</summary>
    public static void SeeAllCalls(TraceState trace, IGuestThread thread)
    {
        if (trace.SeesAllCalls || !thread.HasFullState)
            return;
        trace.SeesAllCalls = true;
        thread.TrapCalls(trace.Tracer.Kernel.Platform.NativeCalls, onAllThreads: false);
    }

    private static Signal CallSignal(TraceState trace) =>
        trace.Has(TraceOptions.SystemCallGood) ? Signal.Trap | (Signal)SystemCallStop : Signal.Trap;
}
