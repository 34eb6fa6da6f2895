using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Event;
using Sandbox.Sentry.Kernel.Timers;
using Sandbox.Sentry.Sync;
using Xunit;

namespace Sandbox.UnitTests.Filesystems;

/// <summary>timerfd_create(2).</summary>
public sealed class TimerFileTests : IDisposable
{
    private const long Millisecond = 1_000_000;

    private readonly FakeCaller _caller = new();
    private readonly TimerQueue _timers = new();

    public void Dispose()
    {
        _timers.Dispose();
    }

    [Fact]
    public void An_interval_counts_what_passed_and_wakes_its_reader()
    {
        TimerFile timer = new(_timers, GuestClock.Monotonic, 0, _caller.Credentials);
        timer.Set(new IntervalTime(Timespec.FromNanoseconds(Millisecond),
            Timespec.FromNanoseconds(Millisecond)), false);
        Assert.True(Read(timer) >= 1);
        Thread.Sleep(20);
        Assert.Equal(PollEvents.Readable, timer.Poll());
        Assert.InRange(Read(timer), 15ul, 10000ul);
    }

    [Fact]
    public void A_single_shot_expires_once_and_disarming_tells_what_was_left()
    {
        TimerFile timer = new(_timers, GuestClock.Realtime, 0, _caller.Credentials);
        long soon = GuestClock.Now(GuestClock.Realtime) + (2 * Millisecond);
        timer.Set(new IntervalTime(default, Timespec.FromNanoseconds(soon)), true);
        Assert.Equal(1ul, Read(timer));
        Assert.Equal(Errno.EAGAIN, timer.Read(new byte[8]).Error);
        timer.Set(new IntervalTime(default, new Timespec(100, 0)), false);
        IntervalTime before = timer.Set(default, false);
        Assert.InRange(before.Value.Seconds, 98, 100);
        Assert.Equal(default, timer.Get());
    }

    private ulong Read(TimerFile timer)
    {
        byte[] bytes = new byte[8];
        Result<int> read = Blocking.Until(
            _caller.Sleeper, timer.Waiters, PollEvents.Readable, Deadline.After(5_000_000_000), (timer, bytes),
            static state => state.timer.Read(state.bytes));
        Assert.Equal(Errno.Ok, read.Error);
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }
}
