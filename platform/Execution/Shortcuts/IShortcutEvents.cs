namespace Sandbox.Platform.Shortcuts;

/// <summary>What <see cref="ICallShortcuts"/> ask and tell the kernel about their thread.</summary>
public interface IShortcutEvents
{
    /// <summary>
    /// What the thread's calls for its ids answer, until <see cref="ICallShortcuts.WithdrawAnswers"/>; null if each of
    /// them has to come to the Sentry. Asked for within a call of the thread.
    /// </summary>
    GuestIds? Ids { get; }

    /// <summary>
    /// The thread's last call, a read(2) or readv(2) of a descriptor, has been answered with more than the thread could
    /// store: so many bytes at the end of its answer went nowhere, for there is no memory.
    /// </summary>
    void OnUnread(int descriptor, long bytes);

    /// <summary>
    /// The thread made a call (<see cref="IGuestThread.Syscall"/>) by a shortcut, or a call that was left waiting is
    /// made again. The handler owns the thread as in <see cref="IGuestEvents.OnSyscall"/>.
    /// </summary>
    /// <param name="thread">Who calls.</param>
    /// <param name="mayWait">Where the handler would sleep,
    /// it had better answer <see cref="CallProgress.Waits"/> or Redo.</param>
    /// <param name="action">How the thread goes on, if the call is done: Return, ReturnThenInterrupt or Exit.</param>
    CallProgress OnCall(IGuestThread thread, bool mayWait, out GuestAction action);
}
