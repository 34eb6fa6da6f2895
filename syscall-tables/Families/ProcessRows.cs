using Sandbox.Linux;
using Sandbox.Sentry.Syscalls;

namespace Sandbox.SyscallTables.Families;

/// <summary>Processes: making, ending, waiting, ids.</summary>
internal static unsafe class ProcessRows
{
    public static void Add(Syscall?[] rows)
    {
        rows[Sys.getpid] = Syscall.Of("getpid", &IdSyscalls.GetPid);
        rows[Sys.gettid] = Syscall.Of("gettid", &IdSyscalls.GetTid);
        rows[Sys.getppid] = Syscall.Of("getppid", &IdSyscalls.GetParentPid);
    }
}
