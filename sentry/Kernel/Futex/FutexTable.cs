using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.Futex;

/// <summary>
/// Who sleeps on which futex word (futex(2)). A waiter compares its word and queues itself under its bucket's lock,
/// which wakers take too: between the two no wake is lost. Counts are the numbers of waiters woken.
/// </summary>
internal sealed partial class FutexTable
{
    /// <summary>FUTEX_BITSET_MATCH_ANY.</summary>
    public const uint AnyBit = uint.MaxValue;

    private const int BucketCount = 256;
    private readonly FutexBucket[] _buckets = new FutexBucket[BucketCount];
    // Sleepers with a shared key: while there are none, a wake need not ask the host for mappings.
    private int _sharedWaiters;

    public FutexTable()
    {
        for (int index = 0; index < BucketCount; index++)
            _buckets[index] = new FutexBucket(index);
    }

    /// <summary>
    /// Sleeps while the word is <paramref name="expected"/>, until woken (Ok), interrupted (ERESTARTSYS) or the
    /// deadline (ETIMEDOUT). EAGAIN if the word differs; EFAULT, EINVAL for a bad address. Own thread.
    /// </summary>
    public Errno Wait(Task task, UserAddress address, uint expected, uint bitset, bool isPrivate, Deadline deadline)
    {
        if (FindKey(task, address, isPrivate).Failed(out FutexKey key, out Errno error))
            return error;
        FutexWaiter waiter = task.FutexWaiter ??= new FutexWaiter(task.Sleeper.Parker);
        waiter.Parker.Reset();
        if (Enqueue(task, waiter, key, address, expected, bitset) is not Errno.Ok and Errno refused)
            return refused;
        task.IsSleeping = true;
        Errno reason = Sleep(waiter, deadline);
        task.IsSleeping = false;
        Finish(key);
        return reason;
    }

    /// <summary>
    /// Wakes up to <paramref name="count"/> waiters whose bits meet <paramref name="bitset"/>. EFAULT, EINVAL.
    /// </summary>
    public Result<int> Wake(Task task, UserAddress address, int count, uint bitset, bool isPrivate)
    {
        if (FindWakeKey(task, address, isPrivate).Failed(out FutexKey key, out Errno error))
            return error;
        FutexBucket bucket = BucketOf(key);
        if (bucket.IsEmpty)
            return 0;
        using HeldWakes.Scope wakes = HeldWakes.Begin();
        using (bucket.Lock.Enter())
            return WakeLocked(bucket, key, count, bitset);
    }

    /// <summary>
    /// Wakes waiters of a word that the kernel itself has changed (CLONE_CHILD_CLEARTID, robust lists).
    /// Errors mean nobody waits.
    /// </summary>
    public void WakeAddress(Task task, UserAddress address, int count) =>
        Wake(task, address, count, AnyBit, isPrivate: false);

    /// <summary>
    /// Wakes some waiters of one word and moves others to another word without waking them. EAGAIN if
    /// <paramref name="expected"/> is given and the first word differs. Gives woken plus, with
    /// <paramref name="expected"/>, moved waiters, as Linux counts them.
    /// </summary>
    public Result<int> Requeue(
        Task task, UserAddress from, UserAddress to, int wakeCount, int moveCount, uint? expected, bool isPrivate)
    {
        if (wakeCount < 0 || moveCount < 0)
            return Errno.EINVAL;
        if (FindKey(task, from, isPrivate).Failed(out FutexKey fromKey, out Errno error)
            || FindKey(task, to, isPrivate).Failed(out FutexKey toKey, out error))
        {
            return error;
        }

        using HeldWakes.Scope wakes = HeldWakes.Begin();
        using BucketPair pair = new(BucketOf(fromKey), BucketOf(toKey));
        if (expected is { } value)
        {
            if (task.Memory.Read(new UserPtr<uint>(from), out uint word) is not Errno.Ok and Errno fault)
                return fault;
            if (word != value)
                return Errno.EAGAIN;
        }

        FutexBucket bucket = BucketOf(fromKey);
        int woken = WakeLocked(bucket, fromKey, wakeCount, AnyBit);
        return woken + Move(bucket, fromKey, toKey, moveCount);
    }

    /// <summary>
    /// FUTEX_WAKE_OP: changes the second word as <paramref name="operation"/> says, wakes waiters of the first, and
    /// those of the second if its old value passes the comparison.
    /// </summary>
    public Result<int> WakeOperation(
        Task task, UserAddress first, UserAddress second, int firstCount, int secondCount, FutexOperation operation,
        bool isPrivate)
    {
        if (FindKey(task, first, isPrivate).Failed(out FutexKey firstKey, out Errno error)
            || FindKey(task, second, isPrivate).Failed(out FutexKey secondKey, out error))
        {
            return error;
        }

        // The guest stands still before the buckets are locked: nobody waits for it under them.
        using HeldWakes.Scope wakes = HeldWakes.Begin();
        using WordExchange exchange = new(task.GuestMemory.Space);
        if (exchange.Error != Errno.Ok)
            return exchange.Error;
        using BucketPair pair = new(BucketOf(firstKey), BucketOf(secondKey));
        if (operation.Apply(task.GuestMemory.Space, second).Failed(out bool passes, out error))
            return error;
        int woken = WakeLocked(BucketOf(firstKey), firstKey, firstCount, AnyBit);
        if (passes)
            woken += WakeLocked(BucketOf(secondKey), secondKey, secondCount, AnyBit);
        return woken;
    }

    /// <summary>While it lives, words of the space may be exchanged. Taken before any bucket's lock.</summary>
    private readonly ref struct WordExchange(IAddressSpace space)
    {
        public Errno Error { get; } = space.BeginExchange();

        public void Dispose()
        {
            if (Error == Errno.Ok)
                space.EndExchange();
        }
    }

    /// <summary>The key of a word for waiting on it; a shared one is counted until <see cref="Finish"/>.</summary>
    private static Result<FutexKey> FindKey(Task task, UserAddress address, bool isPrivate)
    {
        if (Check(address) is not Errno.Ok and Errno error)
            return error;
        return isPrivate ? FutexKey.Private(task, address) : FutexKey.Shared(task, address);
    }

    /// <summary>As <see cref="FindKey"/>, without asking the host when nobody sleeps on a shared word anyway.</summary>
    private Result<FutexKey> FindWakeKey(Task task, UserAddress address, bool isPrivate)
    {
        if (!isPrivate)
        {
            Interlocked.MemoryBarrier();
            isPrivate = Volatile.Read(ref _sharedWaiters) == 0;
        }

        return FindKey(task, address, isPrivate);
    }

    private static Errno Check(UserAddress address)
    {
        const ulong userEnd = 0x7FFF_FFFF_F000;
        if (address.Value % sizeof(uint) != 0)
            return Errno.EINVAL;
        return address.Value < userEnd ? Errno.Ok : Errno.EFAULT;
    }

    private FutexBucket BucketOf(in FutexKey key) => _buckets[key.Hash() % BucketCount];

    /// <summary>
    /// Announces, compares and queues. On success the key is settled by <see cref="Finish"/> after the sleep.
    /// </summary>
    private Errno Enqueue(
        Task task, FutexWaiter waiter, in FutexKey key, UserAddress address, uint expected, uint bitset)
    {
        FutexBucket bucket = BucketOf(key);
        if (key.IsShared)
            Interlocked.Increment(ref _sharedWaiters);
        bucket.Announce();
        Errno error;
        using (bucket.Lock.Enter())
        {
            error = task.Memory.Read(new UserPtr<uint>(address), out uint word);
            if (error == Errno.Ok && word != expected)
                error = Errno.EAGAIN;
            if (error == Errno.Ok)
            {
                waiter.Key = key;
                waiter.Bitset = bitset;
                waiter.LockWaiter = null;
                bucket.Add(waiter);
                return Errno.Ok;
            }
        }

        bucket.Renounce();
        Finish(key);
        return error;
    }

    private void Finish(in FutexKey key)
    {
        if (key.IsShared)
            Interlocked.Decrement(ref _sharedWaiters);
    }

    private static Errno Sleep(FutexWaiter waiter, Deadline deadline)
    {
        while (true)
        {
            Errno reason = waiter.Parker.Park(deadline);
            if (waiter.Bucket is null)
                return Errno.Ok;
            if (reason != Errno.Ok) // Otherwise a wake meant for something else.
                return TryRemove(waiter) ? reason : Errno.Ok;
        }
    }

    /// <summary>False if it has been woken meanwhile.</summary>
    private static bool TryRemove(FutexWaiter waiter)
    {
        while (waiter.Bucket is { } bucket)
        {
            using (bucket.Lock.Enter())
            {
                if (waiter.Bucket != bucket)
                    continue; // Moved to another word.
                bucket.Remove(waiter);
                return true;
            }
        }

        return false;
    }

    private static int WakeLocked(FutexBucket bucket, in FutexKey key, int count, uint bitset)
    {
        int woken = 0;
        FutexWaiter? next;
        for (FutexWaiter? waiter = bucket.First; waiter is not null && woken < count; waiter = next)
        {
            next = waiter.Next;
            if ((waiter.Bitset & bitset) == 0 || waiter.LockWaiter is not null || waiter.Key != key)
                continue;
            bucket.Wake(waiter);
            woken++;
        }

        return woken;
    }

    private int Move(FutexBucket bucket, in FutexKey fromKey, in FutexKey toKey, int count)
    {
        FutexBucket target = BucketOf(toKey);
        int moved = 0;
        FutexWaiter? next;
        for (FutexWaiter? waiter = bucket.First; waiter is not null && moved < count; waiter = next)
        {
            next = waiter.Next;
            if (waiter.LockWaiter is not null || waiter.Key != fromKey)
                continue;
            moved++;
            waiter.Key = toKey;
            if (target == bucket)
                continue;
            target.Announce();
            bucket.MoveTo(target, waiter);
        }

        return moved;
    }

    /// <summary>Two buckets' locks, taken in the buckets' order; they may be one.</summary>
    private readonly ref struct BucketPair
    {
        private readonly RankedLock.Scope _outer;
        private readonly RankedLock.Scope _inner;
        private readonly bool _isOne;

        public BucketPair(FutexBucket a, FutexBucket b)
        {
            _isOne = a == b;
            (FutexBucket outer, FutexBucket inner) = a.Index <= b.Index ? (a, b) : (b, a);
            _outer = outer.Lock.Enter();
            if (!_isOne)
                _inner = inner.Lock.EnterNested();
        }

        public void Dispose()
        {
            if (!_isOne)
                _inner.Dispose();
            _outer.Dispose();
        }
    }
}
