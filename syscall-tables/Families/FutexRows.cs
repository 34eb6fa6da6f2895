using Sandbox.Linux;
using Sandbox.Sentry.Syscalls;

namespace Sandbox.SyscallTables.Families;

/// <summary>Futexes and robust lists.</summary>
internal static unsafe class FutexRows
{
    public static void Add(Syscall?[] rows)
    {
        rows[Sys.futex] = Syscall.Of<UserAddress, int, uint, ulong, UserAddress, uint>("futex", &FutexSyscalls.Futex)
            .Partial("no FUTEX_WAIT_REQUEUE_PI, FUTEX_CMP_REQUEUE_PI; locks inherit no priority");
        rows[Sys.futex_waitv] = Syscall.Of<UserPtr<FutexSyscalls.VectorEntry>, uint, uint, UserPtr<Timespec>, int>(
            "futex_waitv", &FutexSyscalls.WaitVector);
        rows[Sys.set_robust_list] = Syscall.Of<UserAddress, nuint>("set_robust_list", &FutexSyscalls.SetRobustList);
        rows[Sys.get_robust_list] = Syscall.Of<int, UserPtr<ulong>, UserPtr<ulong>>(
            "get_robust_list", &FutexSyscalls.GetRobustList);
    }
}
