using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Event;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Kernel.Timers;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>timerfd_create(2), timerfd_settime(2), timerfd_gettime(2).</summary>
internal static class TimerFdSyscalls
{
    private const int Absolute = 1, CancelOnSet = 2;

    public static SyscallResult Create(Task task, int clock, OpenFlags flags)
    {
        if ((flags & ~(OpenFlags.NonBlock | OpenFlags.CloseOnExec)) != 0)
            return Errno.EINVAL;
        bool isAlarm = clock is GuestClock.RealtimeAlarm or GuestClock.BoottimeAlarm;
        if (!isAlarm && clock is not (GuestClock.Realtime or GuestClock.Monotonic or GuestClock.Boottime))
            return Errno.EINVAL;
        if (isAlarm && !task.Credentials.Has(Capability.WakeAlarm))
            return Errno.EPERM;
        TimerFile file = new(task.Kernel.Timers, clock, flags & OpenFlags.NonBlock, task.Credentials);
        return task.Files.Install(file, (flags & OpenFlags.CloseOnExec) != 0, task.Group.Limits.OpenFiles);
    }

    public static SyscallResult SetTime(
        Task task, Fd fd, int flags, UserPtr<IntervalTime> wanted, UserPtr<IntervalTime> before)
    {
        // A clock of the host that is set moves nobody's timer here, so there is nothing to cancel for.
        if ((flags & ~(Absolute | CancelOnSet)) != 0)
            return Errno.EINVAL;
        if (task.Memory.Read(wanted, out IntervalTime time) is not Errno.Ok and Errno error)
            return error;
        if (!time.Value.IsValid || !time.Interval.IsValid)
            return Errno.EINVAL;
        if (GetTimer(task, fd).Failed(out TimerFile? timer, out error))
            return error;
        IntervalTime old = timer.Set(time, (flags & Absolute) != 0);
        timer.Release();
        return before.IsNull ? 0 : task.Memory.Write(before, old);
    }

    public static SyscallResult GetTime(Task task, Fd fd, UserPtr<IntervalTime> current)
    {
        if (GetTimer(task, fd).Failed(out TimerFile? timer, out Errno error))
            return error;
        IntervalTime time = timer.Get();
        timer.Release();
        return task.Memory.Write(current, time);
    }

    private static Result<TimerFile> GetTimer(Task task, Fd fd)
    {
        if (task.Files.Get(fd).Failed(out OpenFile? file, out Errno error))
            return error;
        if (file is TimerFile timer)
            return timer;
        file.Release();
        return Errno.EINVAL;
    }
}
