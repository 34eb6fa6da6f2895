using Sandbox.Linux;

namespace Sandbox.Sentry.Sync;

/// <summary>A task's own place to wait: its parker and a wait node that is used again and again.</summary>
internal sealed class Sleeper : IWaitTarget
{
    private readonly WaitNode _node = new();

    public Parker Parker { get; } = new();

    /// <summary>The reusable node of <see cref="Blocking.Until{TState}"/>; busy while that runs.</summary>
    internal WaitNode Node => _node;

    public void OnEvent(WaitNode node, PollEvents events) => Parker.Wake();
}

/// <summary>The one place where a task sleeps for I/O: a blocking call is a non-blocking attempt given to it.</summary>
internal static class Blocking
{
    /// <summary>
    /// Repeats <paramref name="attempt"/> until it gives anything but EAGAIN, a signal comes (ERESTARTSYS)
    /// or <paramref name="deadline"/> passes (EAGAIN, as SO_RCVTIMEO has it).
    /// </summary>
    public static Result<int> Until<TState>(
        Sleeper sleeper, WaitQueue queue, PollEvents events, Deadline deadline, TState state, Func<TState, Result<int>> attempt)
        where TState : allows ref struct
    {
        Result<int> result = attempt(state);
        if (result.Error != Errno.EAGAIN)
            return result;

        // Registering before the next attempt is what makes a wake impossible to miss:
        // an event before it shows in the attempt, an event after it wakes the task.
        sleeper.Parker.Reset();
        queue.Add(sleeper.Node, sleeper, events);
        try
        {
            while (true)
            {
                result = attempt(state);
                if (result.Error != Errno.EAGAIN)
                    return result;
                if (sleeper.Parker.Park(deadline) is not Errno.Ok and Errno reason)
                    return reason == Errno.ETIMEDOUT ? attempt(state) : reason; // Some files answer a time-out by themselves.
            }
        }
        finally
        {
            queue.Remove(sleeper.Node);
        }
    }
}
