using Sandbox.Linux;

namespace Sandbox.Sentry.Sync;

/// <summary>The one place where a task sleeps for I/O: a blocking call is a non-blocking attempt given to it.</summary>
internal static class Blocking
{
    /// <summary>
    /// Repeats <paramref name="attempt"/> until it gives anything but EAGAIN, a signal comes (ERESTARTSYS)
    /// or <paramref name="deadline"/> passes (EAGAIN, as SO_RCVTIMEO has it). EIOCBQUEUED where the call may be
    /// deferred: the node stays registered, and the whole call is made again after the next event.
    /// </summary>
    public static Result<int> Until<TState>(
        Sleeper sleeper, WaitQueue queue, PollEvents events, Deadline deadline, TState state,
        Func<TState, Result<int>> attempt)
        where TState : allows ref struct
    {
        bool isRegistered = false;
        Result<int> result;
        if (sleeper.IsDeferred)
        {
            deadline = sleeper.DeferredUntil;
            isRegistered = sleeper.Continue(queue, events);
        }
        else
        {
            result = attempt(state);
            if (result.Error != Errno.EAGAIN)
                return result;
        }

        // Registering before the next attempt is what makes a wake impossible to miss:
        // an event before it shows in the attempt, an event after it wakes the task.
        sleeper.Parker.Reset();
        if (!isRegistered)
            queue.Add(sleeper.Node, sleeper, events);
        bool isDeferred = false;
        try
        {
            while (true)
            {
                result = attempt(state);
                if (result.Error != Errno.EAGAIN)
                    return result;
                if (!sleeper.MayDefer)
                {
                    if (sleeper.Parker.Park(deadline) is not Errno.Ok and Errno reason)
                        // Some files answer a time-out by themselves.
                        return reason == Errno.ETIMEDOUT ? attempt(state) : reason;
                    continue;
                }

                if (sleeper.Parker.IsInterrupted)
                    return Errno.ERESTARTSYS;
                if (deadline.HasPassed)
                    return attempt(state);
                isDeferred = sleeper.TryDefer(deadline);
                if (isDeferred)
                    return Errno.EIOCBQUEUED;
                sleeper.Parker.Reset();
            }
        }
        finally
        {
            if (!isDeferred)
                queue.Remove(sleeper.Node);
        }
    }
}
