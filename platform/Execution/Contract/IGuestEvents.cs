namespace Sandbox.Platform;

/// <summary>
/// What the platform tells the kernel about one thread. Each call comes on a host thread that the handler owns until it
/// answers, and it may block in it (through <c>Task.Park</c>).
/// </summary>
public interface IGuestEvents
{
    /// <summary>The guest made a system call (<see cref="IGuestThread.Syscall"/>).</summary>
    GuestAction OnSyscall(IGuestThread thread);

    /// <summary>
    /// The guest's code faulted. <paramref name="info"/> is the host's siginfo (signal, code, address, trap number).
    /// </summary>
    GuestAction OnFault(IGuestThread thread, in FaultInfo info);

    /// <summary>
    /// The thread was brought in by <see cref="IGuestThread.Interrupt"/> or ReturnThenInterrupt; full state is at hand.
    /// </summary>
    GuestAction OnInterrupt(IGuestThread thread);

    /// <summary>
    /// The host thread is gone: it was killed, or its stub died (OOM killer, host SIGKILL). Comes once, from any
    /// thread, and never while a handler of the same thread runs.
    /// <paramref name="hostSignal"/> is the signal that ended it, or 0.
    /// </summary>
    void OnExit(IGuestThread thread, int hostSignal);
}
