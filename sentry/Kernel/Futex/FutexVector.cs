using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.Futex;

/// <summary>One word of futex_waitv(2), decoded.</summary>
internal readonly record struct FutexExpectation(UserAddress Address, uint Expected, bool IsPrivate);

internal sealed partial class FutexTable
{
    /// <summary>
    /// Sleeps until one of several words is woken and gives the index of one that was. EAGAIN if a word differs
    /// already, ETIMEDOUT, ERESTARTSYS, EFAULT, EINVAL. Own thread.
    /// </summary>
    public Result<int> WaitAny(Task task, ReadOnlySpan<FutexExpectation> words, Deadline deadline)
    {
        FutexWaiter[] waiters = new FutexWaiter[words.Length];
        task.Sleeper.Parker.Reset();
        int queued = 0;
        Errno error = Errno.Ok;
        for (; queued < words.Length; queued++)
        {
            FutexExpectation word = words[queued];
            if (FindKey(task, word.Address, word.IsPrivate).Failed(out FutexKey key, out error))
                break;
            waiters[queued] = new FutexWaiter(task.Sleeper.Parker);
            error = Enqueue(task, waiters[queued], key, word.Address, word.Expected, AnyBit);
            if (error != Errno.Ok)
                break;
        }

        ReadOnlySpan<FutexWaiter> all = waiters.AsSpan(0, queued);
        if (error == Errno.Ok)
            error = SleepOnAny(task, all, deadline);
        int woken = RemoveAll(all);
        return woken >= 0 ? woken : error;
    }

    private static Errno SleepOnAny(Task task, ReadOnlySpan<FutexWaiter> waiters, Deadline deadline)
    {
        task.IsSleeping = true;
        while (true)
        {
            Errno reason = task.Sleeper.Parker.Park(deadline);
            bool isWoken = false;
            foreach (FutexWaiter waiter in waiters)
                isWoken |= waiter.Bucket is null;
            if (!isWoken && reason == Errno.Ok)
                continue;
            task.IsSleeping = false;
            return reason;
        }
    }

    /// <summary>The highest index of a waiter that was woken, or -1.</summary>
    private int RemoveAll(ReadOnlySpan<FutexWaiter> waiters)
    {
        int woken = -1;
        for (int index = 0; index < waiters.Length; index++)
        {
            FutexKey key = waiters[index].Key;
            if (!TryRemove(waiters[index]))
                woken = index;
            Finish(key);
        }

        return woken;
    }
}
