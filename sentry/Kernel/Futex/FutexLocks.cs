using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.Futex;

/// <summary>
/// Priority-inheritance futexes (futex(2), FUTEX_LOCK_PI): the word holds the owner's thread id, and the kernel hands
/// the lock over. Nothing is inherited, as the Sentry schedules nobody; the hand-over and its errors are Linux's.
/// </summary>
internal sealed partial class FutexTable
{
    private const uint WaitersBit = 0x8000_0000, OwnerDiedBit = 0x4000_0000, ThreadIdMask = 0x3FFF_FFFF;
    private const int MaxLockAttempts = 1000;
    private int _lockWaiters; // Sleepers in LOCK_PI: while there are none, an exiting task has nothing to hand over.

    /// <summary>
    /// Takes the lock, sleeping if it must. EDEADLK if it is the caller's already, ESRCH if its owner is no task,
    /// EAGAIN for a try that would sleep, ETIMEDOUT, ERESTARTNOINTR, EFAULT, EINVAL. Own thread.
    /// </summary>
    public Errno Lock(Task task, UserAddress address, bool isTry, bool isPrivate, Deadline deadline)
    {
        if (FindKey(task, address, isPrivate).Failed(out FutexKey key, out Errno error))
            return error;
        FutexWaiter waiter = task.FutexWaiter ??= new FutexWaiter(task.Sleeper.Parker);
        waiter.Parker.Reset();
        for (int attempt = 0; attempt < MaxLockAttempts; attempt++)
        {
            // The owner is looked up without the bucket's lock;
            // what was found holds only while the word stays the same.
            if (task.Memory.Read(new UserPtr<uint>(address), out uint word) is not Errno.Ok and Errno fault)
                return fault;
            uint ownerId = word & ThreadIdMask;
            Task? owner = ownerId == 0 ? null : FindTask(task, (int)ownerId);
            if (owner == task)
                return Errno.EDEADLK;
            if (ownerId != 0 && owner is null && (word & OwnerDiedBit) == 0)
                return Errno.ESRCH;
            if (owner is not null && isTry)
                return Errno.EAGAIN;
            error = owner is null
                ? TakeFree(task, key, address, word)
                : QueueForLock(task, waiter, owner, key, address, word);
            if (error == Errno.EAGAIN)
                continue;
            if (error != Errno.Ok || owner is null)
                return error;
            return SleepForLock(task, waiter, key, deadline);
        }

        return Errno.EAGAIN;
    }

    /// <summary>
    /// Gives the lock to the longest waiter, or frees it. EPERM if it is not the caller's; EFAULT, EINVAL, EAGAIN.
    /// </summary>
    public Errno Unlock(Task task, UserAddress address, bool isPrivate)
    {
        if (FindKey(task, address, isPrivate).Failed(out FutexKey key, out Errno error))
            return error;
        FutexBucket bucket = BucketOf(key);
        uint self = (uint)task.Id.In(task.PidNamespace);
        using WordExchange exchange = new(task.GuestMemory.Space);
        if (exchange.Error != Errno.Ok)
            return exchange.Error;
        using (bucket.Lock.Enter())
        {
            if (task.Memory.Read(new UserPtr<uint>(address), out uint word) is not Errno.Ok and Errno fault)
                return fault;
            return (word & ThreadIdMask) == self ? HandOver(task, bucket, key, address, word, 0) : Errno.EPERM;
        }
    }

    /// <summary>
    /// Hands over the locks of a task that ends while others wait for them (OWNER_DIED set). Without locks held.
    /// </summary>
    public void ReleaseLocks(Task task)
    {
        if (Volatile.Read(ref _lockWaiters) == 0)
            return;
        foreach (FutexBucket bucket in _buckets)
        {
            while (!bucket.IsEmpty && TryFindHeir(bucket, task) is { } heir)
                Bequeath(task, bucket, heir);
        }
    }

    private static Task? TryFindHeir(FutexBucket bucket, Task owner)
    {
        using (bucket.Lock.Enter())
            return FindWaiterFor(bucket, owner)?.LockWaiter;
    }

    private static Task? FindTask(Task viewer, int threadId)
    {
        using (viewer.Kernel.Tree.Enter())
            return viewer.PidNamespace.Find(threadId)?.Task is { IsExited: false } task ? task : null;
    }

    private Errno TakeFree(Task task, in FutexKey key, UserAddress address, uint word)
    {
        FutexBucket bucket = BucketOf(key);
        using WordExchange exchange = new(task.GuestMemory.Space);
        if (exchange.Error != Errno.Ok)
            return exchange.Error;
        using (bucket.Lock.Enter())
        {
            uint taken = (word & OwnerDiedBit) | (uint)task.Id.In(task.PidNamespace);
            if (FirstLockWaiter(bucket, key) is not null)
                taken |= WaitersBit;
            return Exchange(task, address, word, taken);
        }
    }

    private Errno QueueForLock(
        Task task, FutexWaiter waiter, Task owner, in FutexKey key, UserAddress address, uint word)
    {
        FutexBucket bucket = BucketOf(key);
        using WordExchange exchange = new(task.GuestMemory.Space);
        if (exchange.Error != Errno.Ok)
            return exchange.Error;
        using (bucket.Lock.Enter())
        {
            if (Exchange(task, address, word, word | WaitersBit) is not Errno.Ok and Errno error)
                return error;
            if (key.IsShared)
                Interlocked.Increment(ref _sharedWaiters);
            Interlocked.Increment(ref _lockWaiters);
            bucket.Announce();
            waiter.Key = key;
            waiter.Bitset = 0;
            waiter.LockWaiter = task;
            waiter.LockOwner = owner;
            waiter.LockAddress = address;
            bucket.Add(waiter);
            return Errno.Ok;
        }
    }

    private Errno SleepForLock(Task task, FutexWaiter waiter, in FutexKey key, Deadline deadline)
    {
        task.IsSleeping = true;
        Errno reason = Sleep(waiter, deadline);
        task.IsSleeping = false;
        Interlocked.Decrement(ref _lockWaiters);
        Finish(key);

        // futex(2): LOCK_PI is always restarted after a signal.
        return reason == Errno.ERESTARTSYS ? Errno.ERESTARTNOINTR : reason;
    }

    /// <summary>Writes the next owner into the word and wakes it. With the bucket's lock held.</summary>
    private static Errno HandOver(
        Task task, FutexBucket bucket, in FutexKey key, UserAddress address, uint word, uint extraBits)
    {
        if (FirstLockWaiter(bucket, key) is not { } next)
            return Exchange(task, address, word, extraBits);
        Task heir = next.LockWaiter!;
        uint taken = (uint)heir.Id.In(heir.PidNamespace) | WaitersBit | extraBits;
        if (Exchange(task, address, word, taken) is not Errno.Ok and Errno error)
            return error;
        bucket.Wake(next);
        for (FutexWaiter? waiter = bucket.First; waiter is not null; waiter = waiter.Next)
        {
            if (waiter.LockWaiter is not null && waiter.Key == key)
                waiter.LockOwner = heir;
        }

        return Errno.Ok;
    }

    // The heir's memory is made ready before the bucket is locked; by then the waiter may be another, or nobody.
    private static void Bequeath(Task task, FutexBucket bucket, Task heir)
    {
        using WordExchange exchange = new(heir.GuestMemory.Space);
        using RankedLock.Scope _ = bucket.Lock.Enter();
        if (FindWaiterFor(bucket, task) is not { } waiter || waiter.LockWaiter != heir)
            return;
        Errno error = exchange.Error;
        if (error != Errno.Ok)
        {
            bucket.Wake(waiter); // Its space is being killed.
            return;
        }

        error = heir.Memory.Read(new UserPtr<uint>(waiter.LockAddress), out uint word);
        if (error == Errno.Ok && (word & ThreadIdMask) == (uint)task.Id.In(heir.PidNamespace))
            error = HandOver(heir, bucket, waiter.Key, waiter.LockAddress, word, OwnerDiedBit);
        if (error != Errno.Ok || waiter.Bucket == bucket)
            bucket.Wake(waiter); // The word tells another story than the queue: let the waiter look for itself.
    }

    private static FutexWaiter? FirstLockWaiter(FutexBucket bucket, in FutexKey key)
    {
        FutexWaiter? waiter = bucket.First;
        while (waiter is not null && (waiter.LockWaiter is null || waiter.Key != key))
            waiter = waiter.Next;
        return waiter;
    }

    private static FutexWaiter? FindWaiterFor(FutexBucket bucket, Task owner)
    {
        FutexWaiter? waiter = bucket.First;
        while (waiter is not null && (waiter.LockWaiter is null || waiter.LockOwner != owner))
            waiter = waiter.Next;
        return waiter;
    }

    /// <summary>EAGAIN if the word is another by now. Within a <see cref="WordExchange"/>.</summary>
    private static Errno Exchange(Task task, UserAddress address, uint expected, uint value)
    {
        if (task.GuestMemory.Space.Exchange(address, expected, value).Failed(out uint found, out Errno error))
            return error;
        return found == expected ? Errno.Ok : Errno.EAGAIN;
    }
}
