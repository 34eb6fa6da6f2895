using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.Futex;

/// <summary>One registration of a sleeping task on one futex word. Reused: waiting allocates nothing.</summary>
internal sealed class FutexWaiter(Parker parker)
{
    private FutexBucket? _bucket;

    /// <summary>The bucket it is queued in; null once it is woken. Changed under the bucket's lock.</summary>
    public FutexBucket? Bucket
    {
        get => Volatile.Read(ref _bucket);
        set => Volatile.Write(ref _bucket, value);
    }

    public Parker Parker { get; } = parker;

    public FutexWaiter? Next { get; set; }

    public FutexWaiter? Previous { get; set; }

    public FutexKey Key { get; set; }

    /// <summary>Woken only by wakes whose bits meet these.</summary>
    public uint Bitset { get; set; }

    // ---- Priority-inheritance futexes only ----

    /// <summary>The task that waits, for a lock that is handed over; null for a plain futex.</summary>
    public Task? LockWaiter { get; set; }

    /// <summary>Where the waiting task sees the word.</summary>
    public UserAddress LockAddress { get; set; }

    /// <summary>The task that held the lock when this one queued up.</summary>
    public Task? LockOwner { get; set; }
}

/// <summary>The waiters of all futex words that hash alike, oldest first.</summary>
internal sealed class FutexBucket(int index)
{
    private int _waiters;

    public RankedLock Lock { get; } = new(LockRank.Futex);

    /// <summary>Its place among the buckets: two are locked in this order.</summary>
    public int Index { get; } = index;

    public FutexWaiter? First { get; private set; }

    private FutexWaiter? Last { get; set; }

    /// <summary>Nobody sleeps here nor is about to. Exact for a waker whose word was changed before it asked.</summary>
    public bool IsEmpty
    {
        get
        {
            Interlocked.MemoryBarrier();
            return Volatile.Read(ref _waiters) == 0;
        }
    }

    /// <summary>
    /// Announces a waiter before it looks at its word: from then on no waker may take the short way out.
    /// </summary>
    public void Announce() => Interlocked.Increment(ref _waiters);

    /// <summary>Takes an announcement back.</summary>
    public void Renounce() => Interlocked.Decrement(ref _waiters);

    /// <summary>Queues an announced waiter. With the lock held.</summary>
    public void Add(FutexWaiter waiter)
    {
        waiter.Previous = Last;
        waiter.Next = null;
        if (Last is null)
            First = waiter;
        else
            Last.Next = waiter;
        Last = waiter;
        waiter.Bucket = this;
    }

    /// <summary>
    /// Takes a waiter out and renounces it. With the lock held. The waiter may be reused as soon as this returns.
    /// </summary>
    public void Remove(FutexWaiter waiter)
    {
        Unlink(waiter);
        Renounce();
        waiter.Bucket = null;
    }

    /// <summary>Puts a waiter into another bucket, where it is announced already. With both locks held.</summary>
    public void MoveTo(FutexBucket target, FutexWaiter waiter)
    {
        // Never without a bucket in between: that would read as woken.
        Unlink(waiter);
        target.Add(waiter);
        Renounce();
    }

    /// <summary>Takes a waiter out and lets it run. With the lock held.</summary>
    public void Wake(FutexWaiter waiter)
    {
        Parker parker = waiter.Parker; // The waiter belongs to its task again once its bucket is null.
        Remove(waiter);
        parker.Wake();
    }

    private void Unlink(FutexWaiter waiter)
    {
        if (waiter.Previous is null)
            First = waiter.Next;
        else
            waiter.Previous.Next = waiter.Next;
        if (waiter.Next is null)
            Last = waiter.Previous;
        else
            waiter.Next.Previous = waiter.Previous;
        waiter.Next = waiter.Previous = null;
    }
}
