using Sandbox.Linux;

namespace Sandbox.Sentry.Sync;

/// <summary>A moment on the monotonic clock until which something may wait.</summary>
/// <param name="Nanoseconds">CLOCK_MONOTONIC, nanoseconds; <see cref="long.MaxValue"/> means for ever.</param>
internal readonly record struct Deadline(long Nanoseconds)
{
    public static Deadline Never => new(long.MaxValue);

    /// <summary>Already passed: try once, never sleep.</summary>
    public static Deadline Now => new(0);

    public bool IsNever => Nanoseconds == long.MaxValue;

    public bool HasPassed => !IsNever && HostClock.Now(HostClock.Monotonic) >= Nanoseconds;

    /// <summary>What is left, nanoseconds, not below zero.</summary>
    public long Remaining => IsNever ? long.MaxValue : Math.Max(0, Nanoseconds - HostClock.Now(HostClock.Monotonic));

    public static Deadline After(long nanoseconds)
    {
        long now = HostClock.Now(HostClock.Monotonic);
        return nanoseconds > long.MaxValue - now ? Never : new Deadline(now + nanoseconds);
    }
}
