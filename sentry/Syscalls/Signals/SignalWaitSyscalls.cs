using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Syscalls;

/// <summary>Waiting for signals: pause(2), rt_sigsuspend(2), rt_sigtimedwait(2).</summary>
internal static class SignalWaitSyscalls
{
    private const nuint MaskBytes = 8;

    public static SyscallResult Pause(Task task)
    {
        task.Sleeper.Parker.Reset();
        task.IsSleeping = true;
        while (task.Sleeper.Parker.Park(Deadline.Never) == Errno.Ok)
        {
            // A wake that was meant for an earlier wait.
        }

        task.IsSleeping = false;
        return Errno.ERESTARTNOHAND;
    }

    public static SyscallResult Suspend(Task task, UserPtr<SignalSet> mask, nuint maskBytes)
    {
        if (maskBytes != MaskBytes)
            return Errno.EINVAL;
        if (task.Memory.Read(mask, out SignalSet set) is not Errno.Ok and Errno error)
            return error;
        SignalMasking.Enter(task, set);
        return Pause(task);
    }

    public static SyscallResult TimedWait(
        Task task, UserPtr<SignalSet> wanted, UserPtr<SignalInfo> result, UserPtr<Timespec> timeout, nuint maskBytes)
    {
        if (maskBytes != MaskBytes)
            return Errno.EINVAL;
        if (task.Memory.Read(wanted, out SignalSet set) is not Errno.Ok and Errno error)
            return error;
        Deadline deadline = Deadline.Never;
        if (!timeout.IsNull)
        {
            if (task.Memory.Read(timeout, out Timespec time) is not Errno.Ok and Errno fault)
                return fault;
            if (!time.IsValid)
                return Errno.EINVAL;
            deadline = time.TotalNanoseconds == 0 ? Deadline.Now : Deadline.After(time.TotalNanoseconds);
        }

        if (Wait(task, set & ~SignalSet.Unblockable, deadline).Failed(out SignalInfo info, out error))
            return error;
        if (!result.IsNull && task.Memory.Write(result, info) is not Errno.Ok and Errno late)
            return late;
        return info.Number;
    }

    /// <summary>EAGAIN after the deadline, EINTR for any other signal.</summary>
    private static Result<SignalInfo> Wait(Task task, SignalSet wanted, Deadline deadline)
    {
        task.Sleeper.Parker.Reset();
        task.IsSleeping = true;
        Errno reason = Errno.Ok;
        while (true)
        {
            using (task.Kernel.Tree.Enter())
            {
                bool isTaken = SignalQueues.TryTake(task, wanted, out SignalInfo info);
                if (isTaken || reason != Errno.Ok || deadline.Nanoseconds == 0)
                {
                    // What came for this wait too late, and is not blocked, is delivered the ordinary way.
                    task.WaitedSignals = SignalSet.Empty;
                    task.IsSleeping = false;
                    if (SignalMasking.HasDeliverable(task))
                        task.MarkWork();
                    if (isTaken)
                        return info;
                    return reason == Errno.ERESTARTSYS ? Errno.EINTR : Errno.EAGAIN;
                }

                task.WaitedSignals = wanted;
            }

            reason = task.Sleeper.Parker.Park(deadline);
        }
    }
}
