using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Kernel.Ptrace;

/// <summary>
/// What only a tracee's own handler can do for somebody else, while it stands in a stop: run commands in its address
/// space, and reach its extended state where a guest thread belongs to one host thread.
/// </summary>
internal abstract class TraceeErrand
{
    private volatile Task? _waiter;

    /// <summary>By the thread itself, which stands still.</summary>
    public abstract void Run(IGuestThread thread);

    /// <summary>
    /// Has a task that stands in its tracer's stop do it, and waits for that: it is the Sentry's own thread that wakes
    /// up for it, and the stub's commands have a deadline. False if the task stands in no such stop any more.
    /// </summary>
    public bool TryRunBy(Task tracee, Task caller)
    {
        _waiter = caller;
        caller.Sleeper.Parker.Reset();
        while (!TryHandOver(tracee, caller, out bool isStopped))
        {
            if (!isStopped)
                return false;
            Thread.Yield(); // Somebody else is about to be served.
        }

        while (_waiter is not null)
            caller.Sleeper.Parker.ParkUninterruptibly(Sync.Deadline.Never);
        return true;
    }

    /// <summary>By the tracee's thread: it is done, or will not be.</summary>
    public void End()
    {
        Task? waiter = _waiter;
        _waiter = null;
        waiter?.Sleeper.Parker.Wake();
    }

    private bool TryHandOver(Task tracee, Task caller, out bool isStopped)
    {
        using (caller.Kernel.Tree.Enter())
        {
            isStopped = tracee.Trace is { IsStopped: true };
            if (tracee.Trace is not { IsStopped: true, Errand: null } trace)
                return false;
            trace.Errand = this;
            tracee.Sleeper.Parker.Wake();
            return true;
        }
    }
}
