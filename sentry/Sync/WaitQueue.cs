using Sandbox.Linux;

namespace Sandbox.Sentry.Sync;

/// <summary>
/// Told of events on a <see cref="WaitQueue"/>. Called under the queue's lock: may only set flags, wake or pass on.
/// </summary>
internal interface IWaitTarget
{
    void OnEvent(WaitNode node, PollEvents events);
}

/// <summary>One registration on one <see cref="WaitQueue"/>; reusable, so that waiting allocates nothing.</summary>
internal sealed class WaitNode
{
    public WaitNode? Next;
    public WaitNode? Previous;
    public WaitQueue? Queue;
    public IWaitTarget? Target;
    public PollEvents Mask;
}

/// <summary>
/// Who waits for a file or another object. The same queue serves read, poll and epoll: a state change is made first,
/// under the object's own lock, and then notified, outside it.
/// </summary>
internal sealed class WaitQueue
{
    private readonly RankedLock _lock = new(LockRank.WaitQueue);
    private WaitNode? _first; // Guarded by _lock; a null read without it means that nobody waits.
    private WaitNode? _last;

    /// <summary>
    /// Registers <paramref name="node"/> (not registered elsewhere) for <paramref name="mask"/>;
    /// Error and HangUp always report.
    /// </summary>
    public void Add(WaitNode node, IWaitTarget target, PollEvents mask)
    {
        node.Target = target;
        node.Mask = MaskOf(mask);
        node.Queue = this;
        using (_lock.EnterNested())
        {
            node.Previous = _last;
            node.Next = null;
            if (_last is null)
                _first = node;
            else
                _last.Next = node;
            _last = node;
        }

        Interlocked.MemoryBarrier(); // The registration is visible before the caller looks at the state again.
    }

    /// <summary>What a registration for <paramref name="events"/> hears.</summary>
    public static PollEvents MaskOf(PollEvents events) => events | PollEvents.Error | PollEvents.HangUp;

    /// <summary>Ends a registration. After it returns, the target hears nothing more of it.</summary>
    public void Remove(WaitNode node)
    {
        using (_lock.EnterNested())
        {
            if (node.Queue != this)
                return;
            if (node.Previous is null)
                _first = node.Next;
            else
                node.Previous.Next = node.Next;
            if (node.Next is null)
                _last = node.Previous;
            else
                node.Next.Previous = node.Previous;
            node.Next = node.Previous = null;
            node.Queue = null;
        }
    }

    /// <summary>Tells everybody whose mask meets <paramref name="events"/>.</summary>
    public void Notify(PollEvents events)
    {
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _first) is null)
            return;
        using HeldWakes.Scope wakes = HeldWakes.Begin();
        using (_lock.EnterNested())
        {
            for (WaitNode? node = _first; node is not null; node = node.Next)
            {
                if ((node.Mask & events) != 0)
                    node.Target!.OnEvent(node, events);
            }
        }
    }
}
