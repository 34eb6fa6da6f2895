using Sandbox.Linux;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>
/// The signal mask of ppoll, pselect, epoll_pwait and sigsuspend: in force while the call waits, and until the handler of the
/// signal that ended it has been set up.
/// </summary>
internal static class TemporaryMask
{
    /// <summary>Puts the mask in force; a pending signal that it lets through ends the wait to come at once. Own thread only.</summary>
    public static void Begin(Task task, SignalSet mask)
    {
        mask &= ~SignalSet.Unblockable;
        using (task.Kernel.Tree.Enter())
        {
            task.SavedSignalMask = task.SignalMask;
            task.SignalMask = mask;
            if (!((task.Pending.Set | task.Group.Pending.Set) & ~mask).IsEmpty)
                task.Notify();
        }
    }

    /// <summary>
    /// Ends the wait: the old mask is back at once, unless a signal ended the wait; then signal delivery restores it after it has
    /// chosen the handler.
    /// </summary>
    public static void End(Task task, SyscallResult result)
    {
        if (task.SavedSignalMask is not { } saved || IsInterruption(result.Error))
            return;
        using (task.Kernel.Tree.Enter())
        {
            task.SignalMask = saved;
            task.SavedSignalMask = null;
        }
    }

    private static bool IsInterruption(Errno error) =>
        error is Errno.EINTR or (>= Errno.ERESTARTSYS and <= Errno.ERESTART_RESTARTBLOCK);
}
