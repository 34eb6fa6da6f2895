using Sandbox.Linux;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.Timers;

/// <summary>
/// The clocks a guest sees (clock_gettime(2)). They are the host's, as the guest reads them itself through the vDSO:
/// the Sentry and the guests' processes live in the same time namespace.
/// </summary>
internal static class GuestClock
{
    public const int Realtime = 0, Monotonic = 1, ProcessCpu = 2, ThreadCpu = 3, MonotonicRaw = 4, RealtimeCoarse = 5,
        MonotonicCoarse = 6, Boottime = 7, RealtimeAlarm = 8, BoottimeAlarm = 9, InternationalAtomic = 11;

    /// <summary>The tick of the coarse clocks, nanoseconds (CONFIG_HZ=250).</summary>
    public const long CoarseResolution = 4_000_000;

    /// <summary>True for a clock that advances by itself, as opposed to CPU clocks.</summary>
    public static bool IsWall(int clock) =>
        clock is Realtime or Monotonic or MonotonicRaw or RealtimeCoarse or MonotonicCoarse or Boottime or RealtimeAlarm
            or BoottimeAlarm or InternationalAtomic;

    /// <summary>The clocks clock_nanosleep(2) and timerfd_create(2) take.</summary>
    public static bool CanSleepOn(int clock) =>
        clock is Realtime or Monotonic or Boottime or RealtimeAlarm or BoottimeAlarm or InternationalAtomic;

    /// <summary>A wall clock, nanoseconds.</summary>
    public static long Now(int clock) => HostClock.Now(clock switch
    {
        RealtimeAlarm => Realtime,
        BoottimeAlarm => Boottime,
        _ => clock,
    });

    /// <summary>
    /// A time on a wall clock, or a span of it, as a deadline. Times that have passed are the past, never "for ever". A
    /// later step of CLOCK_REALTIME does not move the deadline.
    /// </summary>
    public static Deadline DeadlineOf(int clock, long nanoseconds, bool isAbsolute)
    {
        if (!isAbsolute)
            return nanoseconds <= 0 ? Deadline.Now : Deadline.After(nanoseconds);
        if (clock is Monotonic or MonotonicCoarse)
            return new Deadline(Math.Max(nanoseconds, 0));
        long left = nanoseconds - Now(clock);
        return left <= 0 ? Deadline.Now : Deadline.After(left);
    }
}
