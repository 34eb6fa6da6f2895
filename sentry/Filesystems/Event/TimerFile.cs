using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Timers;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Event;

/// <summary>struct itimerspec (timerfd_settime(2)).</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct IntervalTime(Timespec Interval, Timespec Value);

/// <summary>
/// A timerfd (timerfd_create(2)). Expirations are counted when somebody looks; the timer queue only announces them.
/// </summary>
internal sealed class TimerFile : OpenFile
{
    /// <summary>
    /// Announcements of a very short interval are spread at least this far, nanoseconds: the count stays right.
    /// </summary>
    private const long MinAnnouncement = 100_000;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    private readonly TimerQueue _timers;
    private readonly Alarm _alarm;

    // Guarded by _lock; CLOCK_MONOTONIC nanoseconds.
    private long _next = long.MaxValue;
    private long _interval;
    private ulong _expirations;

    public TimerFile(TimerQueue timers, int clock, OpenFlags flags, Credentials credentials)
        : base(default, OpenFlags.ReadWrite | flags, credentials)
    {
        (_timers, Clock) = (timers, clock);
        _alarm = new Alarm(this);
    }

    /// <summary>The clock it counts on.</summary>
    public int Clock { get; }

    public override Inode Inode => AnonymousInode.Shared;

    public override string AnonymousName => "anon_inode:[timerfd]";

    public override WaitQueue Waiters { get; } = new();

    /// <summary>
    /// Sets or, with a zero value, disarms it, and gives what was set before. The times were checked.
    /// </summary>
    public IntervalTime Set(IntervalTime time, bool isAbsolute)
    {
        using (_lock.Enter())
        {
            IntervalTime before = Describe();
            _expirations = 0;
            _interval = time.Interval.TotalNanoseconds;
            long value = time.Value.TotalNanoseconds;
            Deadline due = value == 0 ? Deadline.Never : GuestClock.DeadlineOf(Clock, value, isAbsolute);
            _next = due == Deadline.Now ? HostClock.Now(HostClock.Monotonic) : due.Nanoseconds;
            if (due.IsNever)
                _timers.Cancel(_alarm);
            else
                _timers.Arm(_alarm, due);
            return before;
        }
    }

    /// <summary>timerfd_gettime(2).</summary>
    public IntervalTime Get()
    {
        using (_lock.Enter())
            return Describe();
    }

    public override void Describe(ICaller reader, ByteBuilder text)
    {
        IntervalTime time;
        ulong expirations;
        using (_lock.Enter())
            (time, expirations) = (Describe(), _expirations);
        text.Append("clockid: "u8).Append(Clock).Append("\nticks: "u8).Append((long)expirations)
            .Append("\nsettime flags: 00\nit_value: ("u8).Append(time.Value.Seconds).Append(", "u8).Append(
                time.Value.Nanoseconds)
            .Append(")\nit_interval: ("u8).Append(time.Interval.Seconds).Append(", "u8).Append(
                time.Interval.Nanoseconds)
            .Append(")\n"u8);
    }

    public override PollEvents Poll()
    {
        using (_lock.Enter())
        {
            CountExpirations();
            return _expirations > 0 ? PollEvents.Readable : PollEvents.None;
        }
    }

    public override Result<int> Read(Span<byte> destination)
    {
        if (destination.Length < sizeof(ulong))
            return Errno.EINVAL;
        using (_lock.Enter())
        {
            CountExpirations();
            if (_expirations == 0)
                return Errno.EAGAIN;
            BinaryPrimitives.WriteUInt64LittleEndian(destination, _expirations);
            _expirations = 0;
            return sizeof(ulong);
        }
    }

    protected override void OnRelease()
    {
        using (_lock.Enter())
        {
            _next = long.MaxValue;
            _timers.Cancel(_alarm);
        }
    }

    private IntervalTime Describe()
    {
        CountExpirations();
        long left = _next == long.MaxValue ? 0 : Math.Max(1, _next - HostClock.Now(HostClock.Monotonic));
        return new IntervalTime(Timespec.FromNanoseconds(_interval), Timespec.FromNanoseconds(left));
    }

    private void CountExpirations()
    {
        long now = HostClock.Now(HostClock.Monotonic);
        if (now < _next)
            return;
        if (_interval == 0)
        {
            _expirations++;
            _next = long.MaxValue;
            return;
        }

        long passed = 1 + ((now - _next) / _interval);
        _expirations += (ulong)passed;
        _next = long.MaxValue - _next < passed * _interval ? long.MaxValue : _next + (passed * _interval);
    }

    private void OnDue()
    {
        Deadline again;
        bool isDue;
        using (_lock.Enter())
        {
            CountExpirations();
            isDue = _expirations > 0;
            again = _next == long.MaxValue
                ? Deadline.Never
                : new Deadline(Math.Max(_next, HostClock.Now(HostClock.Monotonic) + MinAnnouncement));

            // Under the lock, so that a Set or a release that comes later has the last word.
            if (!again.IsNever)
                _timers.Arm(_alarm, again);
        }

        if (isDue)
            Waiters.Notify(PollEvents.Readable);
    }

    private sealed class Alarm(TimerFile file) : TimerEntry
    {
        protected internal override void OnDue() => file.OnDue();
    }
}
