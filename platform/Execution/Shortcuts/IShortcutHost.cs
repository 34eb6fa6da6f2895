using Sandbox.Linux;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Shortcuts;

/// <summary>
/// A platform's guest thread as the thread's shortcuts see it: who owns it, where it lies, what it can be made to do.
/// </summary>
internal interface IShortcutHost
{
    /// <summary>The host thread id in the Sentry's pid namespace.</summary>
    int HostThreadId { get; }

    /// <summary>The thread's slot in the stub's window, which nobody else has.</summary>
    ulong Slot { get; }

    /// <summary>The guest memory that the thread runs in.</summary>
    AddressSpace Space { get; }

    /// <summary>Held while a thread of the image clones, so that what is half done is not copied.</summary>
    Lock CloneLock { get; }

    /// <summary>The thread is gone or told to end: nothing waits for its calls.</summary>
    bool IsEnding { get; }

    /// <summary>Takes the thread over if nobody owns it and its stub lives.</summary>
    bool TryOwn();

    /// <summary>A receiver takes the thread over, which stands in the notification.</summary>
    void Own(ulong notificationId);

    /// <summary>Gives the thread up, before it is told that it can go on. False if the stub is gone.</summary>
    bool Leave();

    /// <summary>The call that the thread makes, as the kernel is to see it.</summary>
    void SetSyscall(in SyscallArguments syscall);

    /// <summary>
    /// Lets the kernel handle the call that the thread makes, or go on with it. Unless it waits then, which
    /// <paramref name="mayWait"/> allows, the thread is given up.
    /// </summary>
    ShortcutOutcome RunHandler(IShortcutEvents events, bool mayWait, out long value);

    /// <summary>A call that waits is over, without its handler: the stub is gone, or the thread about to end.</summary>
    ShortcutOutcome EndWait();

    /// <summary>Lets the thread go on, which was given up and sleeps in the notification.</summary>
    void Wake(ulong notificationId);

    /// <summary>The notification says that the thread was brought in by the Sentry's own signal.</summary>
    bool IsKick(in SeccompNotification notification);

    /// <summary>Keeps what brings the thread's notifications open. False if it is closed.</summary>
    bool TryHold();

    /// <summary>Undoes <see cref="TryHold"/>.</summary>
    void EndHold();

    /// <summary>
    /// Has the thread execute system calls; only while it stands still with its full state. ESRCH if it is gone.
    /// </summary>
    Errno RunCommands(Span<HostCommand> commands);

    /// <summary>
    /// Runs <paramref name="change"/> while no other thread of the space runs guest code; not at all if that takes
    /// long.
    /// </summary>
    void TryWhileFrozen(int limitMilliseconds, Action change);

    /// <summary>The guest did what no honest guest does: its address space is killed.</summary>
    void Violation(string what);
}
