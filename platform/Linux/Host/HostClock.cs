using System.Runtime.InteropServices;

namespace Sandbox.Linux;

/// <summary>Host clocks through the vDSO (clock_gettime(2)).</summary>
public static unsafe partial class HostClock
{
    public const int Realtime = 0, Monotonic = 1, ProcessCpu = 2, ThreadCpu = 3, MonotonicRaw = 4, Boottime = 7;

    /// <summary>A clock in nanoseconds. <paramref name="clock"/> is one that always exists.</summary>
    public static long Now(int clock)
    {
        Timespec time;
        _ = Libc.ClockGetTime(clock, &time);
        return (time.Seconds * 1_000_000_000) + time.Nanoseconds;
    }

    /// <summary>
    /// CPU time of all threads of another process, nanoseconds; 0 if it is gone (clock_getcpuclockid(3)).
    /// </summary>
    public static long CpuTimeOf(int processId)
    {
        const int scheduled = 2;
        Timespec time;
        return Libc.ClockGetTime((~processId << 3) | scheduled, &time) != 0
            ? 0
            : (time.Seconds * 1_000_000_000) + time.Nanoseconds;
    }

    private static partial class Libc
    {
        // Cannot block: the vDSO answers, or a system call that sleeps on nothing.
        [SuppressGCTransition]
        [LibraryImport("libc", EntryPoint = "clock_gettime")]
        public static partial int ClockGetTime(int clock, Timespec* time);
    }
}
