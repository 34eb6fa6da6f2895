using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Kernel.Timers;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Syscalls;

/// <summary>Reading clocks and sleeping: clock_gettime(2), clock_nanosleep(2), gettimeofday(2), times(2)…</summary>
internal static class ClockSyscalls
{
    private const int AbsoluteTime = 1;

    /// <summary>struct tms, in ticks.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly record struct ProcessTimes(long User, long System, long ChildrenUser, long ChildrenSystem);

    public static SyscallResult GetTime(Task task, int clock, UserPtr<Timespec> result)
    {
        if (Read(task, clock).Failed(out long now, out Errno error))
            return error;
        return task.Memory.Write(result, Timespec.FromNanoseconds(now));
    }

    public static SyscallResult GetResolution(Task task, int clock, UserPtr<Timespec> result)
    {
        if (Read(task, clock).Failed(out _, out Errno error))
            return error;
        long resolution = clock is GuestClock.RealtimeCoarse or GuestClock.MonotonicCoarse
            ? GuestClock.CoarseResolution
            : 1;
        return result.IsNull ? 0 : task.Memory.Write(result, Timespec.FromNanoseconds(resolution));
    }

    /// <summary>Time belongs to the host: even with CAP_SYS_TIME the sandbox cannot set it.</summary>
    public static SyscallResult SetTime(Task task, int clock, UserPtr<Timespec> time)
    {
        if (clock != GuestClock.Realtime)
            return Errno.EINVAL;
        if (task.Memory.Read(time, out Timespec value) is not Errno.Ok and Errno error)
            return error;
        return value.IsValid ? Errno.EPERM : Errno.EINVAL;
    }

    public static SyscallResult SetTimeOfDay(Task task, UserPtr<Timeval> time, UserAddress zone) => Errno.EPERM;

    public static SyscallResult GetTimeOfDay(Task task, UserPtr<Timeval> time, UserPtr<long> zone)
    {
        if (!time.IsNull
            && task.Memory.Write(time, Timeval.FromNanoseconds(GuestClock.Now(GuestClock.Realtime)))
            is not Errno.Ok and Errno error)
        {
            return error;
        }

        // struct timezone: two ints, always zero.
        return zone.IsNull ? 0 : task.Memory.Write(zone, 0L);
    }

    public static SyscallResult Time(Task task, UserPtr<long> result)
    {
        long seconds = GuestClock.Now(GuestClock.Realtime) / 1_000_000_000;
        if (!result.IsNull && task.Memory.Write(result, seconds) is not Errno.Ok and Errno error)
            return error;
        return seconds;
    }

    public static SyscallResult Times(Task task, UserPtr<ProcessTimes> result)
    {
        if (!result.IsNull)
        {
            CpuTime own = CpuTime.OfGroup(task.Group);
            ProcessTimes times = new(
                CpuTime.ToTicks(own.User), CpuTime.ToTicks(own.System),
                CpuTime.ToTicks(task.Group.ChildrenUserTime), CpuTime.ToTicks(task.Group.ChildrenSystemTime));
            if (task.Memory.Write(result, times) is not Errno.Ok and Errno error)
                return error;
        }

        return CpuTime.ToTicks(GuestClock.Now(GuestClock.Monotonic));
    }

    public static SyscallResult Nanosleep(Task task, UserPtr<Timespec> wanted, UserPtr<Timespec> left) =>
        ClockNanosleep(task, GuestClock.Monotonic, 0, wanted, left);

    public static SyscallResult ClockNanosleep(
        Task task, int clock, int flags, UserPtr<Timespec> wanted, UserPtr<Timespec> left)
    {
        if (task.Memory.Read(wanted, out Timespec time) is not Errno.Ok and Errno error)
            return error;
        if (!GuestClock.CanSleepOn(clock))
            return clock is GuestClock.ProcessCpu or < 0 ? Errno.EOPNOTSUPP : Errno.EINVAL;
        if (!time.IsValid)
            return Errno.EINVAL;
        bool isAbsolute = (flags & AbsoluteTime) != 0;
        Deadline deadline = GuestClock.DeadlineOf(clock, time.TotalNanoseconds, isAbsolute);
        Errno result = Sleep(task, deadline);
        if (result != Errno.ERESTARTSYS)
            return result;
        if (isAbsolute)
            return Errno.ERESTARTNOHAND; // The same call again reaches the same moment.
        return Interrupted(task, new RestartBlock(ContinueSleep, deadline, left.Address));
    }

    private static SyscallResult ContinueSleep(Task task, in RestartBlock block)
    {
        Errno result = Sleep(task, block.Deadline);
        return result == Errno.ERESTARTSYS ? Interrupted(task, block) : result;
    }

    private static SyscallResult Interrupted(Task task, in RestartBlock block)
    {
        if (!block.Address.IsNull
            && task.Memory.Write(
                new UserPtr<Timespec>(block.Address), Timespec.FromNanoseconds(block.Deadline.Remaining))
                is not Errno.Ok and Errno error)
        {
            return error;
        }

        task.Restart = block;
        return Errno.ERESTART_RESTARTBLOCK;
    }

    private static Errno Sleep(Task task, Deadline deadline)
    {
        task.Sleeper.Parker.Reset();
        task.IsSleeping = true;
        Errno reason;
        do
        {
            reason = task.Sleeper.Parker.Park(deadline);
        }
        while (reason == Errno.Ok);
        task.IsSleeping = false;
        return reason == Errno.ETIMEDOUT ? Errno.Ok : reason;
    }

    /// <summary>EINVAL for a clock that does not exist or a CPU clock of nobody.</summary>
    private static Result<long> Read(Task task, int clock)
    {
        if (GuestClock.IsWall(clock))
            return GuestClock.Now(clock);
        return CpuClock.Find(task, clock).Failed(out CpuClock measured, out Errno error) ? error : measured.Now();
    }
}
