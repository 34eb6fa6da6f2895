using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Diagnostics;
using Sandbox.Sentry.Kernel.Ptrace;
using Sandbox.Sentry.Kernel.Seccomp;
using Sandbox.Sentry.Kernel.Signals;

namespace Sandbox.Sentry.Kernel.Tasks;

/// <summary>
/// What a task does each time the platform brings it in. The only place that knows the internal restart codes' fate.
/// </summary>
internal static class RunLoop
{
    public static GuestAction OnSyscall(Task task, IGuestThread thread)
    {
        if (task.Trace is { } trace && TraceStops.BeforeCall(task, trace, thread, out GuestAction stop))
            return stop;
        SyscallResult result = Invoke(task, thread, out long start);
        return Finish(task, thread, result, start);
    }

    /// <summary>
    /// Runs the handler of a call that is new. <paramref name="start"/> is when it began, if that is measured, or 0.
    /// </summary>
    public static SyscallResult Invoke(Task task, IGuestThread thread, out long start)
    {
        task.SyscallNumber = thread.Syscall.Number;
        Counters.AddSyscall(task.SyscallNumber);
        start = Counters.MeasuresLatency ? HostClock.Now(HostClock.Monotonic) : 0;
        // Before anything else may answer: nothing a guest's own filter could deny may go around this (shortcuts, too,
        // must leave to the Sentry what is not AlwaysAllows).
        SyscallResult result;
        if (task.Seccomp is not { } seccomp || seccomp.AlwaysAllows(thread.Syscall.Number)
            || SeccompGate.Passes(task, seccomp, in thread.Syscall, out result))
            result = task.Kernel.Syscalls.Invoke(task, in thread.Syscall);
        return result;
    }

    /// <summary>The handler has ended with a result: how the thread goes on.</summary>
    public static GuestAction Finish(Task task, IGuestThread thread, SyscallResult result, long start)
    {
        if (start != 0)
            Measure(task, start);
        if (task.Thread != thread)
            return StartNewImage(task);
        if (task.WantsFullState)
            return GuestAction.ReturnThenInterrupt(-(long)Errno.EINTR);
        if (task.NextAction is { } action)
        {
            task.NextAction = null;
            return FinishSpecial(task, action);
        }

        if (task.SavedSignalMask is not null)
            SignalMasking.Leave(task, result);
        if (task.Trace is { } tracing && TraceStops.AfterCall(tracing))
            task.MarkWork();

        // The common way out: no signal, no restart code, nothing to look at.
        if (!task.HasWork && task.SavedSignalMask is null && !IsRestart(result))
        {
            task.SyscallNumber = -1;
            return GuestAction.Return(result.Register);
        }

        task.SyscallResult = result;
        if (!task.Thread.HasFullState)
            return GuestAction.ReturnThenInterrupt(IsRestart(result) ? -(long)Errno.EINTR : result.Register);

        task.Thread.Registers.Rax = (ulong)(IsRestart(result) ? -(long)Errno.EINTR : result.Register);
        return SignalDelivery.BeforeResume(task, task.Thread);
    }

    /// <summary>
    /// A signal, a stop or an exit wants the thread, which was running guest code or has just finished a call.
    /// </summary>
    public static GuestAction OnInterrupt(Task task, IGuestThread thread)
    {
        task.Sample?.Take(thread);
        return task.WantsFullState ? Repeat(task, thread) : SignalDelivery.BeforeResume(task, thread);
    }

    // The call is not over: its handler wanted registers and commands, and now they are at hand.
    private static GuestAction Repeat(Task task, IGuestThread thread)
    {
        task.WantsFullState = false;
        ref readonly UserRegisters registers = ref thread.Registers;
        SyscallArguments call = new()
        {
            Number = task.SyscallNumber,
            A0 = registers.Rdi,
            A1 = registers.Rsi,
            A2 = registers.Rdx,
            A3 = registers.R10,
            A4 = registers.R8,
            A5 = registers.R9,
            InstructionPointer = registers.Rip,
        };
        return Finish(task, thread, task.Kernel.Syscalls.Invoke(task, in call), start: 0);
    }

    /// <summary>A synchronous fault becomes a signal that cannot be blocked away (signal(7)).</summary>
    public static GuestAction OnFault(Task task, IGuestThread thread, in FaultInfo info)
    {
        task.SyscallNumber = -1;
        return SignalDelivery.OnFault(task, thread, in info);
    }

    /// <summary>The host thread is gone.</summary>
    public static void OnExit(Task task, IGuestThread thread, int hostSignal)
    {
        if (task.Thread != thread || task.IsExited)
            return;
        using (task.Kernel.Tree.Enter())
            TaskExit.BeginGroupExit(task.Group, hostSignal == 0 ? (int)Signal.Kill : hostSignal);
        TaskExit.Run(task);
    }

    private static void Measure(Task task, long start)
    {
        long nanoseconds = HostClock.Now(HostClock.Monotonic) - start;
        Counters.AddLatency(task.SyscallNumber, nanoseconds);
        SentryEventSource.Current?.SyscallEnded(task.Id.Own, task.SyscallNumber, nanoseconds);
    }

    // execve succeeded: from Start on the task belongs to the new thread's handler, and this one is not to touch it.
    private static GuestAction StartNewImage(Task task)
    {
        task.SyscallNumber = -1;
        task.NextAction = null;
        if (task.Group.IsExiting)
            return TaskExit.Run(task);
        if (task.Trace is { } trace)
        {
            trace.IsExecPending = true;
            TraceStops.AfterCall(trace);
            task.MarkWork();
        }

        IGuestThread started = task.Thread;
        bool hasWork = task.HasWork;
        started.Start();
        if (hasWork)
            started.Interrupt();
        return GuestAction.Exit;
    }

    private static GuestAction FinishSpecial(Task task, GuestAction action)
    {
        task.SyscallNumber = -1;
        if (task.Trace is { } trace && TraceStops.AfterCall(trace))
            task.MarkWork();
        if (action.Kind == GuestActionKind.Exit || !task.HasWork)
            return action;
        return action.Kind switch
        {
            GuestActionKind.ExecuteOnHost => action with { Kind = GuestActionKind.ExecuteThenInterrupt },
            GuestActionKind.Return => action with { Kind = GuestActionKind.ReturnThenInterrupt },
            GuestActionKind.Resume => SignalDelivery.BeforeResume(task, task.Thread),
            _ => action,
        };
    }

    private static bool IsRestart(SyscallResult result) =>
        result.Register is <= -(long)Errno.ERESTARTSYS and >= -(long)Errno.ERESTART_RESTARTBLOCK;
}
