using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Futex;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Kernel.Timers;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Syscalls;

/// <summary>futex(2), futex_waitv(2), set_robust_list(2), get_robust_list(2).</summary>
internal static class FutexSyscalls
{
    private const int Wait = 0, Wake = 1, Requeue = 3, CompareRequeue = 4, WakeOperation = 5, LockPi = 6, UnlockPi = 7,
        TryLockPi = 8, WaitBitset = 9, WakeBitset = 10, LockPi2 = 13;
    private const int PrivateFlag = 128, RealtimeFlag = 256;
    private const int MaxVector = 128;
    private const uint VectorSize32 = 2, VectorPrivate = 128;

    /// <summary>struct futex_waitv.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly record struct VectorEntry(ulong Value, ulong Address, uint Flags, uint Reserved);

    public static SyscallResult Futex(
        Task task, UserAddress address, int operation, uint value, ulong timeoutOrCount, UserAddress second,
        uint thirdValue)
    {
        bool isPrivate = (operation & PrivateFlag) != 0;
        int command = operation & ~(PrivateFlag | RealtimeFlag);
        bool isRealtime = (operation & RealtimeFlag) != 0;
        if (isRealtime && command is not (Wait or WaitBitset or LockPi2))
            return Errno.ENOSYS;
        FutexTable table = task.Kernel.Futexes;
        int secondCount = (int)timeoutOrCount;
        switch (command)
        {
            case Wait:
            case WaitBitset:
                uint bitset = command == Wait ? FutexTable.AnyBit : thirdValue;
                return Sleep(
                    task, address, value, bitset, new UserPtr<Timespec>(new UserAddress(timeoutOrCount)), operation);
            case Wake:
                return table.Wake(task, address, AtLeastOne(value), FutexTable.AnyBit, isPrivate);
            case WakeBitset:
                return thirdValue == 0
                    ? Errno.EINVAL
                    : table.Wake(task, address, AtLeastOne(value), thirdValue, isPrivate);
            case Requeue:
                return table.Requeue(task, address, second, (int)value, secondCount, null, isPrivate);
            case CompareRequeue:
                return table.Requeue(task, address, second, (int)value, secondCount, thirdValue, isPrivate);
            case WakeOperation:
                return table.WakeOperation(
                    task, address, second, AtLeastOne(value), secondCount, new FutexOperation(thirdValue), isPrivate);
            case LockPi:
            case LockPi2:
                return Lock(task, address, new UserPtr<Timespec>(new UserAddress(timeoutOrCount)), isPrivate,
                    isRealtime: command == LockPi || isRealtime);
            case TryLockPi:
                return table.Lock(task, address, isTry: true, isPrivate, Deadline.Never);
            case UnlockPi:
                return table.Unlock(task, address, isPrivate);
            default:
                return Errno.ENOSYS;
        }
    }

    public static SyscallResult WaitVector(
        Task task, UserPtr<VectorEntry> entries, uint count, uint flags, UserPtr<Timespec> timeout, int clock)
    {
        if (flags != 0 || count is 0 or > MaxVector)
            return Errno.EINVAL;
        if (!timeout.IsNull && clock is not (HostClock.Realtime or HostClock.Monotonic))
            return Errno.EINVAL;
        if (ReadDeadline(task, timeout, isAbsolute: true, clock == HostClock.Realtime, out Deadline deadline)
            is not Errno.Ok and Errno error)
        {
            return error;
        }

        Span<VectorEntry> raw = stackalloc VectorEntry[(int)count];
        if (task.Memory.ReadArray(entries, raw) is not Errno.Ok and Errno fault)
            return fault;
        Span<FutexExpectation> words = stackalloc FutexExpectation[(int)count];
        for (int index = 0; index < raw.Length; index++)
        {
            VectorEntry entry = raw[index];
            if ((entry.Flags & ~VectorPrivate) != VectorSize32 || entry.Reserved != 0 || entry.Value > uint.MaxValue)
                return Errno.EINVAL;
            words[index] = new FutexExpectation(
                new UserAddress(entry.Address), (uint)entry.Value, (entry.Flags & VectorPrivate) != 0);
        }

        return task.Kernel.Futexes.WaitAny(task, words, deadline);
    }

    public static SyscallResult SetRobustList(Task task, UserAddress head, nuint bytes)
    {
        if (bytes != RobustList.HeadBytes)
            return Errno.EINVAL;
        task.RobustListHead = head;
        return 0;
    }

    public static SyscallResult GetRobustList(Task task, int threadId, UserPtr<ulong> head, UserPtr<ulong> bytes)
    {
        Task? target = task;
        if (threadId != 0)
        {
            using (task.Kernel.Tree.Enter())
                target = task.PidNamespace.Find(threadId)?.Task;
        }

        if (target is null)
            return Errno.ESRCH;

        // ptrace(2), PTRACE_MODE_READ_REALCREDS, without an own process's short cut.
        if (target.Group != task.Group && target.Credentials.UserId != task.Credentials.UserId
            && !task.Credentials.Has(Security.Capability.SysPtrace, target.Credentials.UserNamespace))
        {
            return Errno.EPERM;
        }

        if (task.Memory.Write(bytes, (ulong)RobustList.HeadBytes) is not Errno.Ok and Errno error)
            return error;
        return task.Memory.Write(head, target.RobustListHead.Value);
    }

    /// <summary>Linux reads the count as an int and wakes one even for less.</summary>
    private static int AtLeastOne(uint count) => Math.Max((int)count, 1);

    private static SyscallResult Sleep(
        Task task, UserAddress address, uint expected, uint bitset, UserPtr<Timespec> timeout, int operation)
    {
        if (bitset == 0)
            return Errno.EINVAL;
        bool isRelative = (operation & ~(PrivateFlag | RealtimeFlag)) == Wait;
        bool isPrivate = (operation & PrivateFlag) != 0;
        if (ReadDeadline(task, timeout, !isRelative, (operation & RealtimeFlag) != 0, out Deadline deadline)
            is not Errno.Ok and Errno error)
        {
            return error;
        }

        Errno result = task.Kernel.Futexes.Wait(task, address, expected, bitset, isPrivate, deadline);
        if (result != Errno.ERESTARTSYS || deadline.IsNever)
            return result;
        task.Restart = new RestartBlock(
            ContinueSleep, deadline, address, expected | ((ulong)bitset << 32), isPrivate ? 1ul : 0);
        return Errno.ERESTART_RESTARTBLOCK;
    }

    private static SyscallResult ContinueSleep(Task task, in RestartBlock block)
    {
        Errno result = task.Kernel.Futexes.Wait(
            task, block.Address, (uint)block.Argument, (uint)(block.Argument >> 32), block.SecondArgument != 0,
            block.Deadline);
        if (result != Errno.ERESTARTSYS)
            return result;
        task.Restart = block;
        return Errno.ERESTART_RESTARTBLOCK;
    }

    private static SyscallResult Lock(
        Task task, UserAddress address, UserPtr<Timespec> timeout, bool isPrivate, bool isRealtime)
    {
        if (ReadDeadline(task, timeout, isAbsolute: true, isRealtime, out Deadline deadline)
            is not Errno.Ok and Errno error)
            return error;
        return task.Kernel.Futexes.Lock(task, address, isTry: false, isPrivate, deadline);
    }

    private static Errno ReadDeadline(
        Task task, UserPtr<Timespec> timeout, bool isAbsolute, bool isRealtime, out Deadline deadline)
    {
        deadline = Deadline.Never;
        if (timeout.IsNull)
            return Errno.Ok;
        if (task.Memory.Read(timeout, out Timespec time) is not Errno.Ok and Errno error)
            return error;
        if (!time.IsValid)
            return Errno.EINVAL;
        deadline = GuestClock.DeadlineOf(
            isRealtime ? HostClock.Realtime : HostClock.Monotonic, time.TotalNanoseconds, isAbsolute);
        return Errno.Ok;
    }
}
