using System.Collections.Concurrent;
using Sandbox.Sentry.Kernel.Timers;
using Sandbox.Sentry.Sync;
using Xunit;

namespace Sandbox.UnitTests.Kernel;

/// <summary>The heap and the thread of the timers.</summary>
public sealed class TimerQueueTests : IDisposable
{
    private const long Millisecond = 1_000_000;
    private readonly TimerQueue _queue = new();
    private readonly BlockingCollection<int> _fired = [];

    public void Dispose()
    {
        _queue.Dispose();
        _fired.Dispose();
    }

    [Fact]
    public void Timers_come_due_in_the_order_of_their_deadlines()
    {
        long start = Deadline.After(0).Nanoseconds;
        int[] delays = [30, 10, 50, 20, 40];
        foreach (int delay in delays)
            _queue.Arm(new Entry(this, delay), new Deadline(start + (delay * Millisecond)));

        List<int> order = [];
        for (int count = 0; count < delays.Length; count++)
        {
            Assert.True(_fired.TryTake(out int delay, 5000));
            order.Add(delay);
        }

        Assert.Equal([10, 20, 30, 40, 50], order);
        Assert.Equal(0, _queue.Count);
    }

    [Fact]
    public void Cancelled_timer_stays_silent_and_a_moved_one_comes_at_its_new_time()
    {
        Entry cancelled = new(this, 1), moved = new(this, 2);
        _queue.Arm(cancelled, Deadline.After(20 * Millisecond));
        _queue.Arm(moved, Deadline.After(3600_000 * Millisecond));

        Assert.True(_queue.Cancel(cancelled));
        Assert.False(_queue.Cancel(cancelled));
        _queue.Arm(moved, Deadline.After(40 * Millisecond));

        Assert.True(_fired.TryTake(out int first, 5000));
        Assert.Equal(2, first);
        Assert.Empty(_fired);
    }

    private sealed class Entry(TimerQueueTests test, int name) : TimerEntry
    {
        protected internal override void OnDue() => test._fired.Add(name);
    }
}
