using Sandbox.Linux;

namespace Sandbox.Sentry.Sync;

/// <summary>
/// A task's own place to wait: its parker and a wait node that is used again and again. Only the task's handler uses
/// it, but for <see cref="DeferredUntil"/>.
/// </summary>
internal sealed class Sleeper(IParkOwner? owner = null) : IWaitTarget
{
    private long _deferredUntil = long.MaxValue;

    public Parker Parker { get; } = new(owner);

    /// <summary>
    /// A call that would have to wait may answer EIOCBQUEUED instead, as long as it has done nothing yet: it is made
    /// again from its start when there is something to find. Set for each call anew;
    /// a handler that has done a part clears it.
    /// </summary>
    public bool MayDefer { get; set; }

    /// <summary>The latest call was deferred, and its node may still be in a queue.</summary>
    public bool IsDeferred { get; private set; }

    /// <summary>When a deferred call gives up. Any thread may read it.</summary>
    public Deadline DeferredUntil => new(Volatile.Read(ref _deferredUntil));

    /// <summary>
    /// The reusable node of <see cref="Blocking.Until{TState}"/>; busy while that runs, and while a call is deferred.
    /// </summary>
    internal WaitNode Node { get; } = new();

    public void OnEvent(WaitNode node, PollEvents events) => Parker.Wake();

    /// <summary>False if there has been a wake or an interruption: then the handler goes on by itself.</summary>
    public bool TryDefer(Deadline deadline)
    {
        Volatile.Write(ref _deferredUntil, deadline.Nanoseconds);
        IsDeferred = true; // Before it can be resumed.
        return Parker.TryDefer() || (IsDeferred = false);
    }

    /// <summary>The deferred call is made again. True if its node still waits in <paramref name="queue"/>.</summary>
    public bool Continue(WaitQueue queue, PollEvents events)
    {
        End();
        if (Node.Queue == queue && Node.Mask == WaitQueue.MaskOf(events))
            return true;
        Node.Queue?.Remove(Node);
        return false;
    }

    /// <summary>The deferred call has ended otherwise.</summary>
    public void EndDeferral()
    {
        End();
        Node.Queue?.Remove(Node);
    }

    private void End()
    {
        IsDeferred = false;
        Volatile.Write(ref _deferredUntil, long.MaxValue);
    }
}
