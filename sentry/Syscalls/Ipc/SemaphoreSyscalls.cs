using Sandbox.Linux;
using Sandbox.Sentry.Kernel.SystemV;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Syscalls;

/// <summary>
/// System V semaphores: semget(2), semop(2), semtimedop(2). What semctl(2) does stands in its own file.
/// </summary>
internal static class SemaphoreSyscalls
{
    private const int OnStack = 16;
    private const uint Alter = 2, Read = 4;

    public static SyscallResult Get(Task task, int key, int count, int flags)
    {
        SystemVObjects objects = SystemVObjects.Of(task.Namespaces.Ipc);
        if (count < 0 || count > objects.Limits.Number(IpcLimit.SetSemaphores))
            return Errno.EINVAL;
        using (objects.Lock.Enter())
        {
            if (objects.Sets.Find(key, flags, task.Credentials).Failed(out SemaphoreSet? found, out Errno error))
                return error;
            if (found is not null)
                return count > found.Values.Length ? Errno.EINVAL : found.Id;
            if (count == 0)
                return Errno.EINVAL;
            if (count > objects.Limits.Number(IpcLimit.Semaphores) - objects.Semaphores)
                return Errno.ENOSPC;
            if (count > MemoryAccount.MaxObjectBytesOfContainer / ObjectCost.Semaphore)
                return Errno.ENOMEM;
            SemaphoreSet set = new(objects, key, (uint)flags, task.Credentials, count, task.Account);
            if (set.Charge((long)count * ObjectCost.Semaphore) is not Errno.Ok and Errno full)
                return full;
            objects.Sets.Add(set);
            objects.Semaphores += count;
            return set.Id;
        }
    }

    public static SyscallResult Operate(Task task, int id, UserPtr<SemaphoreOperation> operations, nuint count) =>
        OperateTimed(task, id, operations, count, default);

    public static SyscallResult OperateTimed(
        Task task, int id, UserPtr<SemaphoreOperation> operations, nuint count, UserPtr<Timespec> timeout)
    {
        if (count == 0 || id < 0)
            return Errno.EINVAL;
        if (count > task.Namespaces.Ipc.Limits[IpcLimit.Operations])
            return Errno.E2BIG;
        Span<SemaphoreOperation> all = count <= OnStack
            ? stackalloc SemaphoreOperation[(int)count]
            : new SemaphoreOperation[(int)count];
        if (task.Memory.ReadArray(operations, all) is not Errno.Ok and Errno fault)
            return fault;
        if (PollTimeout.Read(task, timeout, out Deadline deadline) is not Errno.Ok and Errno invalid)
            return invalid;
        if (Find(task, id, all).Failed(out SemaphoreSet? set, out Errno error))
            return error;
        return Run(task, set, all, deadline);
    }

    private static Result<SemaphoreSet> Find(Task task, int id, ReadOnlySpan<SemaphoreOperation> operations)
    {
        SystemVObjects objects = SystemVObjects.Of(task.Namespaces.Ipc);
        using (objects.Lock.Enter())
        {
            if (objects.Sets.Get(id).Failed(out SemaphoreSet? set, out Errno error))
                return error;
            uint wanted = Read;
            foreach (SemaphoreOperation operation in operations)
            {
                if (operation.Number >= set.Values.Length)
                    return Errno.EFBIG;
                if (operation.Change != 0)
                    wanted = Alter;
            }

            return set.Check(wanted, task.Credentials, objects.Owner) is not Errno.Ok and Errno denied ? denied : set;
        }
    }

    // Blocking.Until does not fit: while it waits, a task counts as a waiter of the one semaphore that holds it up.
    private static SyscallResult Run(
        Task task, SemaphoreSet set, ReadOnlySpan<SemaphoreOperation> operations, Deadline deadline)
    {
        Errno result = Try(task, set, operations, default, out Blocker blocker);
        if (result != Errno.EAGAIN || blocker.NoWait)
            return Finish(set, operations, result);

        Parker parker = task.Sleeper.Parker;
        parker.Reset();
        WaitNode node = new();
        set.Waiters.Add(node, task.Sleeper, PollEvents.In);
        try
        {
            while (true)
            {
                result = Try(task, set, operations, blocker, out blocker);
                if (result != Errno.EAGAIN || blocker.NoWait)
                    return Finish(set, operations, result);
                if (parker.Park(deadline) == Errno.Ok)
                    continue;
                bool isSignal = parker.IsInterrupted;
                result = Try(task, set, operations, blocker, out blocker);
                if (result == Errno.EAGAIN && isSignal)
                    return Errno.EINTR; // semop(2) is never restarted.
                return Finish(set, operations, result);
            }
        }
        finally
        {
            set.Waiters.Remove(node);
            using (set.Objects.Lock.Enter())
                Count(set, blocker, -1);
        }
    }

    private static Errno Try(
        Task task, SemaphoreSet set, ReadOnlySpan<SemaphoreOperation> operations, Blocker before, out Blocker blocker)
    {
        using (set.Objects.Lock.Enter())
        {
            Count(set, before, -1);
            blocker = default;
            if (set.IsRemoved)
                return Errno.EIDRM;
            Errno error = set.TryOperate(operations, task, out int index);
            if (error == Errno.EAGAIN)
            {
                SemaphoreOperation operation = operations[index];
                blocker = new Blocker(
                    operation.Number, operation.Change == 0, true, (operation.Flags & SemaphoreOperation.NoWait) != 0);
                if (!blocker.NoWait)
                    Count(set, blocker, 1);
            }

            return error;
        }
    }

    private static SyscallResult Finish(SemaphoreSet set, ReadOnlySpan<SemaphoreOperation> operations, Errno result)
    {
        if (result != Errno.Ok)
            return result;
        foreach (SemaphoreOperation operation in operations)
        {
            if (operation.Change == 0)
                continue;
            set.Waiters.Notify(PollEvents.In);
            break;
        }

        return 0;
    }

    // With the lock held.
    private static void Count(SemaphoreSet set, Blocker blocker, int change)
    {
        if (!blocker.IsCounted || blocker.NoWait)
            return;
        ref ushort count = ref (blocker.IsZeroWait ? set.WaitingForZero : set.WaitingToTake)[blocker.Number];
        count = (ushort)(count + change);
    }

    /// <summary>Which operation a caller is held up by.</summary>
    private readonly record struct Blocker(int Number, bool IsZeroWait, bool IsCounted, bool NoWait);
}
