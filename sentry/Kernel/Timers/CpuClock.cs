using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Kernel.Timers;

/// <summary>
/// A CPU-time clock (clock_getcpuclockid(3)): of a process or a thread, counting all time or user time only.
/// </summary>
internal readonly record struct CpuClock(ThreadGroup Group, Task? Thread, CpuClockKind Kind)
{
    private const int ThreadBit = 4, KindMask = 3;

    /// <summary>
    /// Decodes a clockid_t. EINVAL if it is none of a task the caller sees, or another process's thread.
    /// </summary>
    public static Result<CpuClock> Find(Task task, int clock)
    {
        if (clock == GuestClock.ProcessCpu)
            return new CpuClock(task.Group, null, CpuClockKind.Scheduled);
        if (clock == GuestClock.ThreadCpu)
            return new CpuClock(task.Group, task, CpuClockKind.Scheduled);
        if (clock >= 0 || (clock & KindMask) == KindMask)
            return Errno.EINVAL;
        int number = ~(clock >> 3);
        bool isThread = (clock & ThreadBit) != 0;
        CpuClockKind kind = (CpuClockKind)(clock & KindMask);
        if (number == 0)
            return new CpuClock(task.Group, isThread ? task : null, kind);
        using (task.Kernel.Tree.Enter())
        {
            if (task.PidNamespace.Find(number) is not { } id)
                return Errno.EINVAL;
            if (isThread)
                return id.Task is { } thread && thread.Group == task.Group
                    ? new CpuClock(task.Group, thread, kind)
                    : Errno.EINVAL;
            return id.ThreadGroup is { } group ? new CpuClock(group, null, kind) : Errno.EINVAL;
        }
    }

    /// <summary>Nanoseconds used. Without locks held.</summary>
    public long Now()
    {
        CpuTime time = Thread is null ? CpuTime.OfGroup(Group) : CpuTime.OfTask(Thread);
        return Kind == CpuClockKind.User ? time.User : time.Total;
    }
}

/// <summary>What a CPU clock counts (include/linux/posix-timers_types.h).</summary>
internal enum CpuClockKind
{
    /// <summary>User and kernel time.</summary>
    Profile = 0,

    /// <summary>User time.</summary>
    User = 1,

    /// <summary>All time on a processor, precisely.</summary>
    Scheduled = 2,
}
