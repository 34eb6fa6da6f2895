using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.PosixQueues;

/// <summary>
/// A task that waits to send or to receive. Guarded by its queue's lock but for <see cref="IsDone"/>.
/// </summary>
internal sealed class QueueWaiter(Task task)
{
    private bool _isDone;

    public QueueWaiter? Next { get; set; }

    public QueueWaiter? Previous { get; set; }

    public Parker Parker { get; } = task.Sleeper.Parker;

    /// <summary>
    /// The kernel's number of the task's priority, lower first (sched(7)): as it was when the wait began.
    /// </summary>
    public int Rank { get; } = RankOf(task.Scheduling);

    /// <summary>What a sender wants to send, or what a receiver was given.</summary>
    public QueueMessage Message { get; set; }

    /// <summary>Somebody has done for it what it waited to do. Any thread may read it.</summary>
    public bool IsDone => Volatile.Read(ref _isDone);

    /// <summary>What it waited for is done. With the lock held, and wakes held back.</summary>
    public void Complete()
    {
        Volatile.Write(ref _isDone, true);
        Parker.Wake();
    }

    private static int RankOf(Scheduling scheduling)
    {
        const int fifo = 1, roundRobin = 2, lastRealTime = 99, ofNiceZero = 120;
        return scheduling.Policy is fifo or roundRobin
            ? lastRealTime - scheduling.Priority
            : ofNiceZero + scheduling.Nice;
    }
}

/// <summary>Waiters of one kind: who has the highest priority first, and among equals who waits longest.</summary>
internal sealed class QueueWaiters
{
    private QueueWaiter? _first;
    private QueueWaiter? _last;

    public bool IsEmpty => _first is null;

    public void Add(QueueWaiter waiter)
    {
        QueueWaiter? before = _last;
        while (before is not null && before.Rank > waiter.Rank)
            before = before.Previous;
        waiter.Previous = before;
        waiter.Next = before is null ? _first : before.Next;
        if (waiter.Next is null)
            _last = waiter;
        else
            waiter.Next.Previous = waiter;
        if (before is null)
            _first = waiter;
        else
            before.Next = waiter;
    }

    /// <summary>The first, taken off; null if nobody waits.</summary>
    public QueueWaiter? Take()
    {
        QueueWaiter? first = _first;
        if (first is not null)
            Remove(first);
        return first;
    }

    public void Remove(QueueWaiter waiter)
    {
        if (waiter.Previous is null)
            _first = waiter.Next;
        else
            waiter.Previous.Next = waiter.Next;
        if (waiter.Next is null)
            _last = waiter.Previous;
        else
            waiter.Next.Previous = waiter.Previous;
        waiter.Next = waiter.Previous = null;
    }
}
