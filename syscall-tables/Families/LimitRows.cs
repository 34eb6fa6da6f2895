using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Syscalls;
using F = Sandbox.SyscallTables.Tracing.ArgumentFormat;

namespace Sandbox.SyscallTables.Families;

/// <summary>Limits, scheduling and prctl.</summary>
internal static unsafe class LimitRows
{
    public static void Add(Syscall?[] rows)
    {
        rows[Sys.getrlimit] = Syscall.Of<uint, UserPtr<Limit>>("getrlimit", &LimitSyscalls.Get)
            .Shows(F.Resource, F.LimitOut);
        const string unenforced =
            "RLIMIT_MEMLOCK is the host's; STACK below 8 MiB, CORE, MSGQUEUE and RTTIME limit nothing";
        rows[Sys.setrlimit] = Syscall.Of<uint, UserPtr<Limit>>("setrlimit", &LimitSyscalls.Set).Partial(unenforced)
            .Shows(F.Resource, F.Limit);
        rows[Sys.prlimit64] = Syscall.Of<int, uint, UserPtr<Limit>, UserPtr<Limit>>(
            "prlimit64", &LimitSyscalls.GetAndSet)
            .Partial(unenforced)
            .Shows(F.Signed32, F.Resource, F.Limit, F.LimitOut);
        rows[Sys.getrusage] = Syscall.Of<int, UserPtr<ResourceUsage>>("getrusage", &LimitSyscalls.Usage)
            .Partial("times and largest resident set");
        rows[Sys.prctl] = Syscall.Of<int, ulong, ulong, ulong, ulong>("prctl", &PrctlSyscalls.Control)
            .Partial("PR_SET_MM, speculation control, syscall user dispatch")
            .Shows(F.PrctlOption, F.Hexadecimal, F.Hexadecimal, F.Hexadecimal, F.Hexadecimal);
        rows[Sys.set_tid_address] = Syscall.Of<UserAddress>("set_tid_address", &PrctlSyscalls.SetTidAddress);
        AddScheduling(rows);
    }

    private static void AddScheduling(Syscall?[] rows)
    {
        const string hostSchedules = "remembered and told; the host schedules";
        rows[Sys.sched_getaffinity] = Syscall.Of<int, uint, UserAddress>(
            "sched_getaffinity", &ScheduleSyscalls.GetAffinity);
        rows[Sys.sched_setaffinity] = Syscall.Of<int, uint, UserAddress>(
            "sched_setaffinity", &ScheduleSyscalls.SetAffinity)
            .Partial(hostSchedules);
        rows[Sys.sched_getscheduler] = Syscall.Of<int>("sched_getscheduler", &ScheduleSyscalls.GetScheduler);
        rows[Sys.sched_setscheduler] = Syscall.Of<int, int, UserPtr<int>>(
            "sched_setscheduler", &ScheduleSyscalls.SetScheduler)
            .Partial(hostSchedules)
            .Shows(F.Signed32, F.SchedulePolicy, F.Address);
        rows[Sys.sched_getparam] = Syscall.Of<int, UserPtr<int>>("sched_getparam", &ScheduleSyscalls.GetParameter);
        rows[Sys.sched_setparam] = Syscall.Of<int, UserPtr<int>>("sched_setparam", &ScheduleSyscalls.SetParameter)
            .Partial(hostSchedules);
        rows[Sys.sched_getattr] = Syscall.Of<int, UserPtr<ScheduleSyscalls.Attributes>, uint, uint>(
            "sched_getattr", &ScheduleSyscalls.GetAttributes);
        rows[Sys.sched_setattr] = Syscall.Of<int, UserPtr<ScheduleSyscalls.Attributes>, uint>(
            "sched_setattr", &ScheduleSyscalls.SetAttributes).Partial(hostSchedules);
        rows[Sys.sched_get_priority_max] = Syscall.Of<int>("sched_get_priority_max", &ScheduleSyscalls.MaxPriority);
        rows[Sys.sched_get_priority_min] = Syscall.Of<int>("sched_get_priority_min", &ScheduleSyscalls.MinPriority);
        rows[Sys.sched_rr_get_interval] = Syscall.Of<int, UserPtr<Timespec>>(
            "sched_rr_get_interval", &ScheduleSyscalls.RoundRobinInterval);
        rows[Sys.getpriority] = Syscall.Of<int, int>("getpriority", &ScheduleSyscalls.GetPriority);
        rows[Sys.setpriority] = Syscall.Of<int, int, int>("setpriority", &ScheduleSyscalls.SetPriority).Partial(
            hostSchedules);
        rows[Sys.ioprio_get] = Syscall.Of<int, int>("ioprio_get", &ScheduleSyscalls.GetIoPriority);
        rows[Sys.ioprio_set] = Syscall.Of<int, int, int>("ioprio_set", &ScheduleSyscalls.SetIoPriority).Partial(
            hostSchedules);
    }
}
