using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.SystemV;

/// <summary>struct sembuf (semop(2)).</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct SemaphoreOperation(ushort Number, short Change, ushort Flags)
{
    public const int NoWait = 0x800, Undo = 0x1000;
}

/// <summary>A set of semaphores (semget(2)). Guarded by the namespace's lock.</summary>
internal sealed class SemaphoreSet(
    SystemVObjects objects, int key, uint mode, Credentials creator, int count, MemoryAccount account)
    : IpcObject(key, mode, creator, account), IExitAction
{
    private readonly Dictionary<ThreadGroup, short[]> _adjustments = []; // SEM_UNDO.

    public SystemVObjects Objects { get; } = objects;

    public ushort[] Values { get; } = new ushort[count];

    /// <summary>Who changed each last.</summary>
    public Pid?[] LastUsers { get; } = new Pid?[count];

    /// <summary>How many wait for each to grow, and to become zero.</summary>
    public ushort[] WaitingToTake { get; } = new ushort[count];
    public ushort[] WaitingForZero { get; } = new ushort[count];

    public long OperationTime { get; private set; }

    /// <summary>Notified (In) when any value changes or the set is removed.</summary>
    public WaitQueue Waiters { get; } = new();

    /// <summary>
    /// Does all operations or none (semop(2)); <paramref name="blockedBy"/> is the first that has to wait. EAGAIN,
    /// ERANGE. With the lock held; after Ok the caller notifies the waiters.
    /// </summary>
    public Errno TryOperate(ReadOnlySpan<SemaphoreOperation> operations, Task task, out int blockedBy)
    {
        int done = 0;
        Errno error = Errno.Ok;
        for (; done < operations.Length && error == Errno.Ok; done++)
            error = Apply(operations[done], task.Group);
        blockedBy = done - 1;
        if (error != Errno.Ok)
        {
            for (int index = blockedBy - 1; index >= 0; index--)
                TakeBack(operations[index], task.Group);
            return error;
        }

        foreach (SemaphoreOperation operation in operations)
            LastUsers[operation.Number] = task.Group.Id;
        OperationTime = Now;
        return Errno.Ok;
    }

    /// <summary>
    /// SETVAL and SETALL: nobody's exit undoes anything of this semaphore any more. With the lock held.
    /// </summary>
    public void Set(int number, ushort value, Pid user)
    {
        Values[number] = value;
        LastUsers[number] = user;
        ChangeTime = Now;
        foreach (short[] adjustment in _adjustments.Values)
            adjustment[number] = 0;
    }

    /// <summary>The process has ended: what it did with SEM_UNDO is taken back. Without locks.</summary>
    void IExitAction.OnExit(ThreadGroup group)
    {
        using (Objects.Lock.Enter())
        {
            if (!_adjustments.Remove(group, out short[]? adjustment))
                return;
            for (int number = 0; number < adjustment.Length; number++)
            {
                if (adjustment[number] == 0)
                    continue;
                Values[number] = (ushort)Math.Clamp(
                    Values[number] + adjustment[number], 0, SystemVObjects.MaxSemaphoreValue);
                LastUsers[number] = group.Id;
            }

            OperationTime = Now;
        }

        Waiters.Notify(PollEvents.In);
    }

    // One operation, if it is possible now.
    private Errno Apply(SemaphoreOperation operation, ThreadGroup group)
    {
        ref ushort value = ref Values[operation.Number];
        if (operation.Change == 0)
            return value == 0 ? Errno.Ok : Errno.EAGAIN;
        int next = value + operation.Change;
        if (next < 0)
            return Errno.EAGAIN;
        if (next > SystemVObjects.MaxSemaphoreValue)
            return Errno.ERANGE;
        if ((operation.Flags & SemaphoreOperation.Undo) != 0 && !Remember(operation, group))
            return Errno.ERANGE;
        value = (ushort)next;
        return Errno.Ok;
    }

    private bool Remember(SemaphoreOperation operation, ThreadGroup group)
    {
        if (!_adjustments.TryGetValue(group, out short[]? adjustment))
        {
            _adjustments.Add(group, adjustment = new short[Values.Length]);
            group.AddExitAction(this);
        }

        int next = adjustment[operation.Number] - operation.Change;
        if (next is < -SystemVObjects.MaxSemaphoreValue or > SystemVObjects.MaxSemaphoreValue)
            return false;
        adjustment[operation.Number] = (short)next;
        return true;
    }

    private void TakeBack(SemaphoreOperation operation, ThreadGroup group)
    {
        Values[operation.Number] = (ushort)(Values[operation.Number] - operation.Change);
        if ((operation.Flags & SemaphoreOperation.Undo) != 0 && operation.Change != 0)
            _adjustments[group][operation.Number] += operation.Change;
    }
}
