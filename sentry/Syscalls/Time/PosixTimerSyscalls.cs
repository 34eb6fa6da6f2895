using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Kernel.Timers;

namespace Sandbox.Sentry.Syscalls;

/// <summary>timer_create(2), timer_settime(2), timer_gettime(2), timer_getoverrun(2), timer_delete(2).</summary>
internal static class PosixTimerSyscalls
{
    private const int NotifySignal = 0, NotifyNone = 1, NotifyThreadId = 4, AbsoluteTime = 1;

    /// <summary>struct itimerspec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly record struct TimerValue(Timespec Interval, Timespec Value);

    public static SyscallResult Create(Task task, int clock, UserPtr<SignalEvent> eventPointer, UserPtr<int> result)
    {
        CpuClock? cpuClock = null;
        if (!GuestClock.CanSleepOn(clock))
        {
            if (CpuClock.Find(task, clock).Failed(out CpuClock measured, out Errno unknown))
                return unknown;
            cpuClock = measured;
        }

        bool isDefault = eventPointer.IsNull;
        SignalEvent wanted = new() { Signal = (int)Signal.Alarm, Notify = NotifySignal };
        if (!isDefault && task.Memory.Read(eventPointer, out wanted) is not Errno.Ok and Errno fault)
            return fault;
        if (Decode(task, wanted).Failed(out TimerNotice notice, out Errno error))
            return error;
        int id;
        using (task.Kernel.Tree.Enter())
        {
            ProcessTimers timers = ProcessTimers.Of(task.Group);

            // Without a sigevent, si_value is the id, which is known only now.
            int next = timers.NextId;
            if (isDefault)
                notice = notice with { Value = (ulong)next };
            if (timers.Add(new PosixTimer(task.Group, clock, cpuClock, notice), task).Failed(out id, out error))
                return error;
        }

        if (task.Memory.Write(result, id) is not Errno.Ok and Errno late)
        {
            using (task.Kernel.Tree.Enter())
                ProcessTimers.Of(task.Group).Remove(id);
            return late;
        }

        return 0;
    }

    public static SyscallResult Set(
        Task task, int id, int flags, UserPtr<TimerValue> wanted, UserPtr<TimerValue> previous)
    {
        if (wanted.IsNull)
            return Errno.EINVAL;
        if (task.Memory.Read(wanted, out TimerValue value) is not Errno.Ok and Errno error)
            return error;
        if (!value.Value.IsValid || !value.Interval.IsValid)
            return Errno.EINVAL;
        if (Find(task, id) is not { } timer)
            return Errno.EINVAL;
        long now = timer.Now();
        long time = value.Value.TotalNanoseconds;
        long due = time == 0 || (flags & AbsoluteTime) != 0
            ? time
            : time > long.MaxValue - now ? long.MaxValue : now + time;
        (long, long) old;
        using (task.Kernel.Tree.Enter())
            old = timer.Set(now, due, value.Interval.TotalNanoseconds);
        return previous.IsNull ? 0 : task.Memory.Write(previous, Encode(old));
    }

    public static SyscallResult Get(Task task, int id, UserPtr<TimerValue> result)
    {
        if (Find(task, id) is not { } timer)
            return Errno.EINVAL;
        long now = timer.Now();
        (long, long) value;
        using (task.Kernel.Tree.Enter())
            value = timer.Get(now);
        return task.Memory.Write(result, Encode(value));
    }

    public static SyscallResult GetOverrun(Task task, int id) =>
        Find(task, id) is { } timer ? timer.Overrun : Errno.EINVAL;

    public static SyscallResult Delete(Task task, int id)
    {
        using (task.Kernel.Tree.Enter())
            return task.Group.Timers is ProcessTimers timers && timers.Remove(id) ? 0 : Errno.EINVAL;
    }

    private static PosixTimer? Find(Task task, int id)
    {
        using (task.Kernel.Tree.Enter())
            return (task.Group.Timers as ProcessTimers)?.Find(id);
    }

    private static Result<TimerNotice> Decode(Task task, in SignalEvent wanted)
    {
        if (wanted.Notify == NotifyNone)
            return new TimerNotice(Signal.None, wanted.Value, null);
        if (wanted.Notify is not (NotifySignal or NotifyThreadId) || !SignalActionSyscalls.IsSignal(wanted.Signal))
            return Errno.EINVAL;
        Task? thread = null;
        if (wanted.Notify == NotifyThreadId)
        {
            using (task.Kernel.Tree.Enter())
                thread = task.PidNamespace.Find(wanted.ThreadId)?.Task;
            if (thread is null || thread.Group != task.Group)
                return Errno.EINVAL;
        }

        return new TimerNotice((Signal)wanted.Signal, wanted.Value, thread);
    }

    private static TimerValue Encode((long Value, long Interval) time) =>
        new(Timespec.FromNanoseconds(time.Interval), Timespec.FromNanoseconds(time.Value));
}
