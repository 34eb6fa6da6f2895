using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Kernel.Seccomp;

/// <summary>Asks a task's filters about a call before the call is made, and does what they say.</summary>
internal static class SeccompGate
{
    private const int CodeSeccomp = 1; // SYS_SECCOMP
    private const int ErrnoMax = 4095;

    /// <summary>
    /// True if the call is to be made. Otherwise it is over, with <paramref name="result"/>, or with
    /// <c>task.NextAction</c> set because the task ends. Own thread.
    /// </summary>
    public static bool Passes(Task task, SeccompState state, in SyscallArguments call, out SyscallResult result)
    {
        result = default;
        if (state.IsStrict)
            return PassesStrict(task, call);
        SeccompData data = SeccompData.Of(call);
        uint answer = Ask(state, data, out SeccompFilter filter);
        uint value = answer & SeccompAnswer.DataMask;
        switch (answer & SeccompAnswer.ActionMask)
        {
            case SeccompAnswer.Allow:
                return true;
            case SeccompAnswer.Log:
                Report(task, filter, call, "logged");
                return true;
            case SeccompAnswer.Fail:
                if (filter.LogsDenials)
                    Report(task, filter, call, "refused");
                result = -(long)Math.Min(value, ErrnoMax);
                return false;
            case SeccompAnswer.Trap:
                Trap(task, call, data[1], (int)value);
                result = call.Number; // The handler finds the number where the result would be.
                return false;
            case SeccompAnswer.Notify:
                if (filter.Listener is not { } listener)
                {
                    result = Errno.ENOSYS;
                    return false;
                }

                return listener.Ask(task, data, out result);
            case SeccompAnswer.Trace:
                result = Errno.ENOSYS; // There is no tracer (PTRACE_O_TRACESECCOMP).
                return false;
            default:
                Kill(task, filter, call, answer & SeccompAnswer.ActionMask);
                return false;
        }
    }

    /// <summary>The strictest answer, and the newest filter that gave it.</summary>
    private static uint Ask(SeccompState state, in SeccompData data, out SeccompFilter strictest)
    {
        strictest = state.Filter!;
        uint answer = strictest.Program.Run(data);
        for (SeccompFilter? filter = strictest.Previous; filter is not null; filter = filter.Previous)
        {
            uint other = filter.Program.Run(data);
            if (SeccompAnswer.IsStricter(other, answer))
                (answer, strictest) = (other, filter);
        }

        return answer;
    }

    private static bool PassesStrict(Task task, in SyscallArguments call)
    {
        if (call.Number is Sys.read or Sys.write or Sys.exit or Sys.rt_sigreturn)
            return true;
        task.ExitStatus = (int)Signal.Kill;
        task.NextAction = TaskExit.Run(task);
        return false;
    }

    private static void Trap(Task task, in SyscallArguments call, uint architecture, int value)
    {
        SignalInfo info = new()
        {
            Number = (int)Signal.BadSystemCall,
            Error = value,
            Code = CodeSeccomp,
            Address = call.InstructionPointer,
            Status = call.Number,
            Architecture = architecture,
        };
        task.SyscallNumber = -1; // Nothing to restart.
        using (task.Kernel.Tree.Enter())
            SignalSender.Force(task, info);
        task.MarkWork();
    }

    // SECCOMP_RET_KILL_THREAD ends the process, too, when it has no other thread.
    // An action nobody knows is KILL_PROCESS.
    private static void Kill(Task task, SeccompFilter filter, in SyscallArguments call, uint action)
    {
        Report(task, filter, call, "killed for");
        using (task.Kernel.Tree.Enter())
        {
            if (action != SeccompAnswer.KillThread || task.Group.Tasks.Count == 1)
                TaskExit.BeginGroupExit(task.Group, (int)Signal.BadSystemCall);
            task.ExitStatus = (int)Signal.BadSystemCall;
        }

        task.NextAction = TaskExit.Run(task);
    }

    private static void Report(Task task, SeccompFilter filter, in SyscallArguments call, string what)
    {
        if (filter.MayReport())
            task.Kernel.Log.Warning($"seccomp: task {task.Id.Own} {what} {task.Kernel.Syscalls.NameOf(call.Number)}");
    }
}
