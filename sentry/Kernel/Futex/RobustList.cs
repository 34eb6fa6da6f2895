using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Kernel.Futex;

/// <summary>
/// The list of mutexes a thread holds (get_robust_list(2)): at its end each gets FUTEX_OWNER_DIED,
/// and one waiter is woken.
/// </summary>
internal static class RobustList
{
    /// <summary>sizeof(struct robust_list_head), which set_robust_list demands.</summary>
    public const int HeadBytes = 24;

    private const int MaxEntries = 2048; // ROBUST_LIST_LIMIT: the list may be a loop.
    private const int MaxAttempts = 1000;
    private const uint WaitersBit = 0x8000_0000, OwnerDiedBit = 0x4000_0000, ThreadIdMask = 0x3FFF_FFFF;

    [StructLayout(LayoutKind.Sequential)]
    private struct Head
    {
        public ulong First;
        public long FutexOffset;
        public ulong Pending;
    }

    /// <summary>
    /// Walks the list of a task that exits or execs, and hands over its priority-inheritance locks. Own thread, while
    /// its address space is still there, without locks held.
    /// </summary>
    public static void Release(Task task)
    {
        if (!task.RobustListHead.IsNull)
            Walk(task, task.RobustListHead);
        task.RobustListHead = UserAddress.Null;
        task.Kernel.Futexes.ReleaseLocks(task);
    }

    private static void Walk(Task task, UserAddress headAddress)
    {
        if (task.Memory.Read(new UserPtr<Head>(headAddress), out Head head) != Errno.Ok)
            return;
        ulong entry = head.First;
        for (int count = 0; count < MaxEntries && (entry & ~1ul) != headAddress.Value; count++)
        {
            // The next link is read before this mutex is freed for its next owner, who may unlink it.
            Errno error = task.Memory.Read(new UserPtr<ulong>(new UserAddress(entry & ~1ul)), out ulong next);
            if ((entry & ~1ul) != (head.Pending & ~1ul) && !Abandon(task, entry, head.FutexOffset, isPending: false))
                return;
            if (error != Errno.Ok)
                return;
            entry = next;
        }

        if ((head.Pending & ~1ul) != 0)
            Abandon(task, head.Pending, head.FutexOffset, isPending: true);
    }

    /// <summary>
    /// One mutex. Bit 0 of the entry says that it is a priority-inheritance one. False if the list cannot be trusted.
    /// </summary>
    private static bool Abandon(Task task, ulong entry, long futexOffset, bool isPending)
    {
        bool isLock = (entry & 1) != 0;
        UserAddress address = new((entry & ~1ul) + (ulong)futexOffset);
        if (address.Value % sizeof(uint) != 0)
            return false;
        uint self = (uint)task.Id.In(task.PidNamespace);
        for (int attempt = 0; attempt < MaxAttempts; attempt++)
        {
            if (task.Memory.Read(new UserPtr<uint>(address), out uint word) != Errno.Ok)
                return false;

            // It died between freeing the mutex and waking: the wake is done here.
            if (isPending && !isLock && word == 0)
            {
                task.Kernel.Futexes.WakeAddress(task, address, 1);
                return true;
            }

            if ((word & ThreadIdMask) != self)
                return true;
            if (task.GuestMemory.Space.CompareExchange(address, word, (word & WaitersBit) | OwnerDiedBit)
                .Failed(out uint found, out _))
            {
                return false;
            }

            if (found != word)
                continue;
            if (!isLock && (word & WaitersBit) != 0)
                task.Kernel.Futexes.WakeAddress(task, address, 1);
            return true;
        }

        return false;
    }
}
