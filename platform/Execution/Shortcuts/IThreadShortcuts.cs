using Sandbox.Linux;

namespace Sandbox.Platform.Shortcuts;

/// <summary>
/// One thread's shortcuts as the platform sees them that brings the thread's notifications. But for what says so, only
/// the thread's current owner calls it.
/// </summary>
internal interface IThreadShortcuts : ICallShortcuts
{
    /// <summary>The thread is to be brought in with its full state, for something has to be prepared.</summary>
    bool IsWanted { get; }

    /// <summary>
    /// The thread has made a notification, and nobody has owned it before. True if that was dealt with. Else it is the
    /// receiver's, who owns the thread from here on.
    /// </summary>
    bool TryTakeNotification(in SeccompNotification notification);

    /// <summary>
    /// A call was notified. Where it came from a rewritten place, it is told as if from the original.
    /// </summary>
    void OnNotified(ref SyscallArguments call);

    /// <summary>
    /// A call that was notified is about to be answered: what the guest does from here to its next call is its own
    /// time.
    /// </summary>
    void OnAnswer();

    /// <summary>The thread was brought in with its full state: what has to be prepared is done now.</summary>
    /// <param name="hasGsBase">The guest uses gs itself.</param>
    void AtDoorbell(bool hasGsBase);

    /// <summary>With its full state, the thread faulted in code of the shortcuts, which it leaves by that.</summary>
    /// <param name="hasPage">Its gs base is its shortcuts', not the guest's own.</param>
    void OnFault(bool hasPage);

    /// <summary>The thread is gone or about to end: a call that waits has nothing to wait for. Any thread.</summary>
    void Abandon();

    /// <summary>The thread is gone, for good.</summary>
    void Close();

    /// <summary>The descriptor number is one under which files are lent to the thread's stub for shortcuts.</summary>
    bool IsOwnDescriptor(ulong number);

    /// <summary>The thread's gs base is what its shortcuts made it: the guest has none of its own.</summary>
    bool IsOwnGsBase(ulong gsBase);

    /// <summary>The thread is about to clone: a child must not have what is its parent's alone.</summary>
    void BeforeClone();

    /// <summary>The command that takes the shortcuts' gs base away before a clone.</summary>
    HostCommand ClearGsBase();

    /// <summary>The command that gives it back.</summary>
    HostCommand RestoreGsBase();

    /// <summary>
    /// The thread came in with its registers; if it stood in code of the shortcuts, they become those of the original
    /// code. True if so. <paramref name="hasStoppedCopy"/>: a fault there is not the guest's.
    /// </summary>
    bool TryMapIn(ref SignalContext frame, out bool hasStoppedCopy);

    /// <summary>
    /// Where a thread that goes on at <paramref name="instructionPointer"/> really has to go on: elsewhere if it would
    /// come into the middle of a rewritten call.
    /// </summary>
    ulong MapOut(ulong instructionPointer);

    /// <summary>The shortcuts of a new thread in the same address space.</summary>
    IThreadShortcuts ForThread(IShortcutHost child);

    /// <summary>The shortcuts of the thread of a forked copy of the address space.</summary>
    IThreadShortcuts ForFork(IShortcutHost child);
}
