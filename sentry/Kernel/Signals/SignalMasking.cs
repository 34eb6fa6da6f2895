using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>
/// Changes of a thread's signal mask (sigprocmask(2)), also for the length of one call (ppoll(2), sigsuspend(2)).
/// </summary>
internal static class SignalMasking
{
    /// <summary>
    /// Blocks exactly <paramref name="mask"/> (without SIGKILL and SIGSTOP) for the length of the current call. The old
    /// mask comes back when the call ends: if a signal ended it, after that signal's handler was set up, whose frame
    /// then holds the old mask. The caller sleeps interruptibly and answers ERESTARTNOHAND when interrupted.
    /// Own thread.
    /// </summary>
    public static void Enter(Task task, SignalSet mask)
    {
        using (task.Kernel.Tree.Enter())
        {
            task.SavedSignalMask ??= task.SignalMask;
            Change(task, mask);
        }
    }

    /// <summary>
    /// Ends what <see cref="Enter"/> began: puts the old mask back at once unless <paramref name="result"/> says that
    /// a signal ended the call, which leaves it to signal delivery. Optional: the run loop does it too. Own thread.
    /// </summary>
    public static void Leave(Task task, SyscallResult result)
    {
        if (task.SavedSignalMask is not { } saved || EndedBySignal(result))
            return;
        task.SavedSignalMask = null;
        Set(task, saved);
    }

    /// <summary>Replaces the mask for good. Own thread.</summary>
    public static void Set(Task task, SignalSet mask)
    {
        using (task.Kernel.Tree.Enter())
            Change(task, mask);
    }

    /// <summary>As <see cref="Set"/>, with Tree held.</summary>
    public static void Change(Task task, SignalSet mask)
    {
        SignalSet before = task.SignalMask;
        task.SignalMask = mask & ~SignalSet.Unblockable;
        Retarget(task, task.SignalMask & ~before);
        if (HasDeliverable(task))
            task.MarkWork();
    }

    /// <summary>True if a pending signal is not blocked. With Tree held.</summary>
    public static bool HasDeliverable(Task task) =>
        !((task.Pending.Set | task.Group.Pending.Set) & ~task.SignalMask).IsEmpty;

    /// <summary>
    /// Signals sent to the process for which this thread was woken and which it blocks from now on belong to another
    /// thread. With Tree held.
    /// </summary>
    public static void Retarget(Task task, SignalSet newlyBlocked)
    {
        SignalSet orphaned = task.Group.Pending.Set & newlyBlocked;
        if (orphaned.IsEmpty)
            return;
        foreach (Task other in task.Group.Tasks)
        {
            if (other != task && !(orphaned & ~other.SignalMask).IsEmpty)
                other.Notify();
        }
    }

    private static bool EndedBySignal(SyscallResult result) =>
        result.Error is Errno.EINTR or Errno.ERESTARTSYS or Errno.ERESTARTNOHAND or Errno.ERESTARTNOINTR
            or Errno.ERESTART_RESTARTBLOCK;
}
