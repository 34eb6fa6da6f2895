using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.Timers;

/// <summary>How a POSIX timer tells of its expiry (sigevent(3type)).</summary>
/// <param name="Signal">The signal, or None for SIGEV_NONE.</param>
/// <param name="Value">si_value.</param>
/// <param name="Thread">The thread it goes to (SIGEV_THREAD_ID); null for the process.</param>
internal readonly record struct TimerNotice(Signal Signal, ulong Value, Task? Thread);

/// <summary>
/// A timer_create(2) timer. Its signal is queued at most once; while it is pending the timer rests, and the expiries it
/// missed are counted as overruns when the signal is taken. Guarded by Tree.
/// </summary>
internal sealed class PosixTimer(ThreadGroup group, int clock, CpuClock? cpuClock, TimerNotice notice) : TimerEntry
{
    /// <summary>DELAYTIMER_MAX.</summary>
    private const long MaxOverrun = int.MaxValue;
    private const long ShortestWait = 50_000, ShortestCpuWait = 1_000_000, IgnoredWait = 4_000_000;

    private long _due; // On its own clock, nanoseconds; 0 while disarmed.
    private long _interval;
    private bool _isSignalled; // Its signal is on the way: it rests.
    private int _lastOverrun;

    public int Id { get; set; } = -1;

    /// <summary>The clock it was made for (timer_create(2)).</summary>
    public int Clock => clock;

    /// <summary>How its expiry is told.</summary>
    public TimerNotice Notice => notice;

    /// <summary>timer_getoverrun(2): expiries beyond the one that the latest signal told of.</summary>
    public int Overrun => _lastOverrun;

    /// <summary>
    /// What is left and the interval, at <paramref name="now"/> (<see cref="Now"/>, read without locks).
    /// </summary>
    public (long Value, long Interval) Get(long now)
    {
        if (_due == 0)
            return (0, _interval);
        long due = _due;
        if (now >= due && _interval != 0)
            due += (((now - due) / _interval) + 1) * _interval;
        bool isOver = now >= due;
        return (isOver ? notice.Signal == Signal.None ? 0 : 1 : due - now, _interval);
    }

    /// <summary>
    /// Arms or disarms; gives what was there before. <paramref name="due"/> is on its clock, 0 disarms.
    /// </summary>
    public (long Value, long Interval) Set(long now, long due, long interval)
    {
        (long, long) old = Get(now);
        Disarm();
        _interval = interval;
        _due = due;
        _lastOverrun = 0;
        if (due != 0 && notice.Signal != Signal.None)
            Arm(due - now);
        return old;
    }

    /// <summary>Whose count it adds to, and who is charged for it.</summary>
    public (SignalQuota Quota, MemoryAccount Account) Charge { get; set; }

    /// <summary>timer_delete(2), or its process's end.</summary>
    public void Delete()
    {
        Disarm();
        Charge.Quota.Queued--;
        Charge.Account.ReturnObject(ObjectCost.Timer);
    }

    public void Disarm()
    {
        _due = 0;
        _isSignalled = false;
        group.Kernel.Timers.Cancel(this);
    }

    /// <summary>Its clock. For CPU clocks without locks held.</summary>
    public long Now() => cpuClock is { } measured ? measured.Now() : GuestClock.Now(clock);

    /// <summary>Its signal is delivered: the missed expiries are told, and the timer goes on.</summary>
    public void OnSignalTaken(ref SignalInfo info)
    {
        if (!_isSignalled)
            return;
        _isSignalled = false;
        info.Overrun = 0;
        _lastOverrun = 0;
        if (_interval == 0 || _due == 0)
        {
            _due = 0;
            return;
        }

        // A CPU clock cannot be read here (it asks the host): its timer looks again, and counts, when it is next due.
        long now = cpuClock is null ? Now() : _due;
        long missed = now >= _due ? (now - _due) / _interval : 0;
        _due += (missed + 1) * _interval;
        _lastOverrun = (int)Math.Min(missed, MaxOverrun);
        info.Overrun = _lastOverrun;
        Arm(_due - now);
    }

    protected internal override void OnDue()
    {
        long now = Now();
        using (group.Kernel.Tree.Enter())
        {
            if (_due == 0 || _isSignalled || group.IsZombie)
                return;
            if (now < _due)
            {
                Arm(_due - now);
                return;
            }

            Expire(now);
        }
    }

    private void Expire(long now)
    {
        SignalInfo info = new()
        {
            Number = (int)notice.Signal,
            Code = SignalInfo.CodeTimer,
            TimerId = Id,
            Value = notice.Value,
        };
        PendingSignals queue = notice.Thread is null ? group.Pending : notice.Thread.Pending;
        _isSignalled = true;
        if (notice.Thread is null)
            SignalSender.SendToGroup(group, info);
        else
            SignalSender.SendToTask(notice.Thread, info);
        if (queue.HasTimer(notice.Signal, Id))
            return;

        // Ignored, or merged with the same signal from elsewhere: nobody will ever take it,
        // so the timer goes on by itself.
        _isSignalled = false;
        if (_interval == 0)
        {
            _due = 0;
            return;
        }

        _due += (((now - _due) / _interval) + 1) * _interval;
        Arm(Math.Max(_due - now, IgnoredWait));
    }

    private void Arm(long wait)
    {
        long real = cpuClock is null
            ? Math.Max(wait, ShortestWait)
            : Math.Max(wait / Math.Max(1, group.Tasks.Count), ShortestCpuWait);
        group.Kernel.Timers.Arm(this, Deadline.After(real));
    }
}
