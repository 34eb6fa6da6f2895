using Sandbox.Linux;
using Sandbox.Sentry.Syscalls;
using F = Sandbox.SyscallTables.Tracing.ArgumentFormat;

namespace Sandbox.SyscallTables.Families;

/// <summary>Futexes and robust lists.</summary>
internal static unsafe class FutexRows
{
    public static void Add(Syscall?[] rows)
    {
        rows[Sys.futex] = Syscall.Of<UserAddress, int, uint, ulong, UserAddress, uint>("futex", &FutexSyscalls.Futex)
            .Partial("no FUTEX_WAIT_REQUEUE_PI, FUTEX_CMP_REQUEUE_PI; locks inherit no priority")
            .Shows(F.Address, F.FutexOperation, F.Unsigned32, F.Time, F.Address, F.Unsigned32)
            .Waits("futex_wait_queue");
        rows[Sys.futex_waitv] = Syscall.Of<UserPtr<FutexSyscalls.VectorEntry>, uint, uint, UserPtr<Timespec>, int>(
            "futex_waitv", &FutexSyscalls.WaitVector)
            .Waits("futex_wait_queue");
        rows[Sys.set_robust_list] = Syscall.Of<UserAddress, nuint>("set_robust_list", &FutexSyscalls.SetRobustList)
            .Shows(F.Address, F.Unsigned64);
        rows[Sys.get_robust_list] = Syscall.Of<int, UserPtr<ulong>, UserPtr<ulong>>(
            "get_robust_list", &FutexSyscalls.GetRobustList);
    }
}
