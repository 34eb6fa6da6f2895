using Sandbox.Linux;
using Sandbox.Sentry.Syscalls;
using F = Sandbox.SyscallTables.Tracing.ArgumentFormat;

namespace Sandbox.SyscallTables.Families;

/// <summary>The machine, its name and its odds and ends.</summary>
internal static unsafe class SystemRows
{
    public static void Add(Syscall?[] rows)
    {
        rows[Sys.uname] = Syscall.Of<UserAddress>("uname", &SystemInfoSyscalls.Uname);
        rows[Sys.sethostname] = Syscall.Of<UserAddress, int>("sethostname", &SystemInfoSyscalls.SetHostName)
            .Shows(F.Data, F.Signed32);
        rows[Sys.setdomainname] = Syscall.Of<UserAddress, int>("setdomainname", &SystemInfoSyscalls.SetDomainName)
            .Shows(F.Data, F.Signed32);
        rows[Sys.sysinfo] = Syscall.Of<UserPtr<SystemInfoSyscalls.SystemInfo>>("sysinfo", &SystemInfoSyscalls.Sysinfo)
            .Partial("no load averages");
        rows[Sys.syslog] = Syscall.Of<int, UserAddress, int>("syslog", &SystemInfoSyscalls.Syslog)
            .Partial("the log has one line");
        rows[Sys.getrandom] = Syscall.Of<UserAddress, nuint, uint>("getrandom", &SystemInfoSyscalls.GetRandom)
            .Shows(F.DataOut, F.Unsigned64, F.RandomFlags);
        rows[Sys.personality] = Syscall.Of<uint>("personality", &SystemInfoSyscalls.Personality)
            .Partial("only PER_LINUX; flags are remembered");
        rows[Sys.getcpu] = Syscall.Of<UserPtr<uint>, UserPtr<uint>>("getcpu", &SystemInfoSyscalls.GetCpu)
            .Partial("node 0");
        rows[Sys.arch_prctl] = Syscall.Of<int>("arch_prctl", &SystemInfoSyscalls.ArchControl)
            .Partial("segment bases only, natively")
            .Shows(F.ArchPrctlCode, F.Hexadecimal)
            .RunsNatively();
        rows[Sys.membarrier] = Syscall.Of("membarrier", &SystemInfoSyscalls.RunOnHost)
            .RunsNatively();
        rows[Sys.sched_yield] = Syscall.Of("sched_yield", &SystemInfoSyscalls.RunOnHost)
            .RunsNatively();
        rows[Sys.rseq] = Syscall.Of("rseq", &SystemInfoSyscalls.RunOnHost)
            .Shows(F.Address, F.Unsigned32, F.Hexadecimal, F.Hexadecimal)
            .RunsNatively();
    }
}
