using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.Timers;

/// <summary>What an interval timer measures.</summary>
internal enum IntervalClock
{
    Real,

    /// <summary>The process's user time.</summary>
    User,

    /// <summary>The process's user and kernel time.</summary>
    Cpu,
}

/// <summary>One of a process's three interval timers (setitimer(2)). Times are nanoseconds on its own clock.</summary>
internal sealed class IntervalTimer(ThreadGroup group, Signal signal, IntervalClock clock) : TimerEntry
{
    /// <summary>A guest's tiny interval must not keep the timer thread busy: its signal merges anyway.</summary>
    private const long ShortestWait = 50_000;

    /// <summary>CPU time is sampled: looking costs, and the host's own ticks are no finer.</summary>
    private const long ShortestCpuWait = 1_000_000;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    private long _due; // Guarded by _lock; 0 while disarmed.
    private long _interval; // Guarded by _lock.

    /// <summary>
    /// Arms the timer to expire after <paramref name="value"/>, then every <paramref name="interval"/>; 0 disarms.
    /// </summary>
    public (long Value, long Interval) Set(long value, long interval)
    {
        long now = Now();
        (long, long) old;
        using (_lock.Enter())
        {
            old = (Left(now), _interval);
            _due = value == 0 ? 0 : value > long.MaxValue - now ? long.MaxValue : now + value;
            _interval = value == 0 ? 0 : interval;
        }

        if (value == 0)
            group.Kernel.Timers.Cancel(this);
        else
            Arm(value);
        return old;
    }

    /// <summary>What is left, and the interval.</summary>
    public (long Value, long Interval) Get()
    {
        long now = Now();
        using (_lock.Enter())
            return (Left(now), _interval);
    }

    protected internal override void OnDue()
    {
        long now = Now();
        bool isDue;
        long wait;
        using (_lock.Enter())
        {
            if (_due == 0)
                return;
            isDue = now >= _due;
            if (isDue)
                _due = _interval == 0 ? 0 : _due + ((((now - _due) / _interval) + 1) * _interval);
            wait = _due == 0 ? 0 : _due - now;
        }

        if (isDue)
        {
            using (group.Kernel.Tree.Enter())
                SignalSender.SendToGroup(group, SignalInfo.FromKernel(signal));
        }

        if (wait != 0)
            Arm(wait);
    }

    private long Now() => clock switch
    {
        IntervalClock.Real => GuestClock.Now(GuestClock.Monotonic),
        IntervalClock.User => CpuTime.OfGroup(group).User,
        _ => CpuTime.OfGroup(group).Total,
    };

    /// <summary>An armed timer never says zero (setitimer(2) would read it as disarmed).</summary>
    private long Left(long now) => _due == 0 ? 0 : Math.Max(_due - now, 1000);

    private void Arm(long wait)
    {
        long real = clock == IntervalClock.Real
            ? Math.Max(wait, ShortestWait)
            : Math.Max(wait / Math.Max(1, group.Tasks.Count), ShortestCpuWait);
        group.Kernel.Timers.Arm(this, Deadline.After(real));
    }
}
