using Sandbox.Linux;
using Sandbox.Sentry.Syscalls;
using F = Sandbox.SyscallTables.Tracing.ArgumentFormat;

namespace Sandbox.SyscallTables.Families;

/// <summary>Clocks and sleeping.</summary>
internal static unsafe class ClockRows
{
    public static void Add(Syscall?[] rows)
    {
        rows[Sys.clock_gettime] = Syscall.Of<int, UserPtr<Timespec>>("clock_gettime", &ClockSyscalls.GetTime)
            .Shows(F.Clock, F.TimeOut);
        rows[Sys.clock_getres] = Syscall.Of<int, UserPtr<Timespec>>("clock_getres", &ClockSyscalls.GetResolution)
            .Shows(F.Clock, F.TimeOut);
        rows[Sys.clock_settime] = Syscall.Of<int, UserPtr<Timespec>>("clock_settime", &ClockSyscalls.SetTime)
            .Partial("always EPERM: time is the host's")
            .Shows(F.Clock, F.Time);
        rows[Sys.settimeofday] = Syscall.Of<UserPtr<Timeval>, UserAddress>("settimeofday", &ClockSyscalls.SetTimeOfDay)
            .Partial("always EPERM: time is the host's");
        rows[Sys.gettimeofday] = Syscall.Of<UserPtr<Timeval>, UserPtr<long>>(
            "gettimeofday", &ClockSyscalls.GetTimeOfDay)
            .Shows(F.MicroTimeOut, F.Address);
        rows[Sys.time] = Syscall.Of<UserPtr<long>>("time", &ClockSyscalls.Time);
        rows[Sys.times] = Syscall.Of<UserPtr<ClockSyscalls.ProcessTimes>>("times", &ClockSyscalls.Times);
        rows[Sys.nanosleep] = Syscall.Of<UserPtr<Timespec>, UserPtr<Timespec>>("nanosleep", &ClockSyscalls.Nanosleep)
            .Shows(F.Time, F.TimeOut)
            .Waits("hrtimer_nanosleep");
        rows[Sys.clock_nanosleep] = Syscall.Of<int, int, UserPtr<Timespec>, UserPtr<Timespec>>(
            "clock_nanosleep", &ClockSyscalls.ClockNanosleep).Partial("no CPU-time clocks")
            .Shows(F.Clock, F.TimerFlags, F.Time, F.TimeOut)
            .Waits("hrtimer_nanosleep");
        AddTimers(rows);
    }

    private static void AddTimers(Syscall?[] rows)
    {
        rows[Sys.getitimer] = Syscall.Of<int, UserPtr<IntervalTimerSyscalls.IntervalValue>>(
            "getitimer", &IntervalTimerSyscalls.Get)
            .Shows(F.Signed32, F.TimerMicroTimeOut);
        rows[Sys.setitimer] = Syscall.Of<
            int, UserPtr<IntervalTimerSyscalls.IntervalValue>, UserPtr<IntervalTimerSyscalls.IntervalValue>>(
            "setitimer", &IntervalTimerSyscalls.Set)
            .Shows(F.Signed32, F.TimerMicroTime, F.TimerMicroTimeOut);
        rows[Sys.alarm] = Syscall.Of<uint>("alarm", &IntervalTimerSyscalls.Alarm);
        rows[Sys.timer_create] = Syscall.Of<int, UserPtr<SignalEvent>, UserPtr<int>>(
            "timer_create", &PosixTimerSyscalls.Create)
            .Shows(F.Clock, F.SignalEvent, F.IntegerOut);
        rows[Sys.timer_settime] = Syscall.Of<
            int, int, UserPtr<PosixTimerSyscalls.TimerValue>, UserPtr<PosixTimerSyscalls.TimerValue>>(
            "timer_settime", &PosixTimerSyscalls.Set)
            .Shows(F.Signed32, F.TimerFlags, F.TimerTime, F.TimerTimeOut);
        rows[Sys.timer_gettime] = Syscall.Of<int, UserPtr<PosixTimerSyscalls.TimerValue>>(
            "timer_gettime", &PosixTimerSyscalls.Get)
            .Shows(F.Signed32, F.TimerTimeOut);
        rows[Sys.timer_getoverrun] = Syscall.Of<int>("timer_getoverrun", &PosixTimerSyscalls.GetOverrun);
        rows[Sys.timer_delete] = Syscall.Of<int>("timer_delete", &PosixTimerSyscalls.Delete);
    }
}
