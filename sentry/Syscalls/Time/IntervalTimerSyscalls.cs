using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Kernel.Timers;

namespace Sandbox.Sentry.Syscalls;

/// <summary>setitimer(2), getitimer(2), alarm(2).</summary>
internal static class IntervalTimerSyscalls
{
    private const long Second = 1_000_000_000;

    /// <summary>struct itimerval.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly record struct IntervalValue(Timeval Interval, Timeval Value);

    public static SyscallResult Get(Task task, int which, UserPtr<IntervalValue> result)
    {
        if (Find(task, which) is not { } timer)
            return Errno.EINVAL;
        return task.Memory.Write(result, Encode(timer.Get()));
    }

    public static SyscallResult Set(
        Task task, int which, UserPtr<IntervalValue> wanted, UserPtr<IntervalValue> previous)
    {
        IntervalValue value = default;
        if (!wanted.IsNull)
        {
            if (task.Memory.Read(wanted, out value) is not Errno.Ok and Errno error)
                return error;
            if (!IsValid(value.Value) || !IsValid(value.Interval))
                return Errno.EINVAL;
        }

        if (Find(task, which) is not { } timer)
            return Errno.EINVAL;
        (long, long) old = timer.Set(Nanoseconds(value.Value), Nanoseconds(value.Interval));
        return previous.IsNull ? 0 : task.Memory.Write(previous, Encode(old));
    }

    public static SyscallResult Alarm(Task task, uint seconds)
    {
        (long left, _) = ProcessTimers.Of(task.Group).Real.Set(seconds * Second, 0);

        // alarm(2) rounds what was left, but never to the zero that means "none".
        long rounded = (left + (Second / 2)) / Second;
        return left == 0 ? 0 : Math.Max(rounded, 1);
    }

    private static IntervalTimer? Find(Task task, int which) => which switch
    {
        0 => ProcessTimers.Of(task.Group).Real,
        1 => ProcessTimers.Of(task.Group).Virtual,
        2 => ProcessTimers.Of(task.Group).Profile,
        _ => null,
    };

    private static bool IsValid(Timeval time) => time.Seconds >= 0 && time.Microseconds is >= 0 and < 1_000_000;

    private static long Nanoseconds(Timeval time) =>
        new Timespec(time.Seconds, time.Microseconds * 1000).TotalNanoseconds;

    private static IntervalValue Encode((long Value, long Interval) time) =>
        new(Timeval.FromNanoseconds(time.Interval), Timeval.FromNanoseconds(time.Value));
}
