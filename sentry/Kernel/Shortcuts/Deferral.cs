using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Platform.Shortcuts;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.Shortcuts;

/// <summary>
/// Calls that a thread makes by a shortcut (<see cref="IShortcutEvents.OnCall"/>): where the handler would sleep, the
/// call waits without a host thread and is made again from its start, or it is left to the thread to make it by a
/// notification.
/// </summary>
internal static class Deferral
{
    /// <summary>
    /// What a handler answers that would have to wait and may not sleep (<see cref="Sleeper.MayDefer"/>).
    /// </summary>
    private const long MustWait = -(long)Errno.EIOCBQUEUED;

    public static CallProgress OnCall(Task task, IGuestThread thread, bool mayWait, out GuestAction action)
    {
        Sleeper sleeper = task.Sleeper;
        SyscallResult result;
        long start;
        if (sleeper.IsDeferred)
        {
            result = task.Kernel.Syscalls.Invoke(task, in thread.Syscall); // There may be something for it now.
            start = task.CallStarted;
        }
        else if (task.Trace is not null)
        {
            action = RunLoop.OnSyscall(task, thread);
            return CallProgress.Done;
        }
        else
        {
            sleeper.MayDefer = mayWait && task.Seccomp is null
                && task.Kernel.Syscalls.MayWaitWithoutThread(thread.Syscall.Number);
            result = RunLoop.Invoke(task, thread, out start);
        }

        if (result.Register == MustWait && sleeper.IsDeferred)
        {
            action = default;
            BeginWait(task, start);
            return CallProgress.Waits;
        }

        sleeper.MayDefer = false; // Calls that are notified sleep.
        if (result.Register == MustWait)
        {
            action = default;
            return CallProgress.Redo;
        }

        if (sleeper.IsDeferred)
            End(task);
        action = RunLoop.Finish(task, thread, result, start);
        return CallProgress.Done;
    }

    /// <summary>Forgets a deferred call that nobody will make again.</summary>
    public static void End(Task task)
    {
        task.Sleeper.EndDeferral();
        task.CallFile.Forget();
    }

    private static void BeginWait(Task task, long start)
    {
        task.CallStarted = start;
        Deadline deadline = task.Sleeper.DeferredUntil;
        if (!deadline.IsNever)
            (task.CallTimer ??= new CallTimer(task)).EndAt(deadline);
    }
}
