using Sandbox.Linux;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.Timers;

/// <summary>Something that is due at a moment: an interval timer, a timerfd, a keep-alive.</summary>
internal abstract class TimerEntry
{
    /// <summary>Where it stands in the queue's heap; -1 while it is not armed. Guarded by the queue's lock.</summary>
    internal int Position { get; set; } = -1;

    /// <summary>When it is due. Guarded by the queue's lock.</summary>
    internal Deadline Due { get; set; }

    /// <summary>
    /// Called on the timer thread, once per <see cref="TimerQueue.Arm"/>, without any lock held. Must be short. It may
    /// come late, while another thread cancels or arms anew: an implementation keeps its own expiry under its own lock
    /// and looks whether it is really due. It may arm itself again.
    /// </summary>
    protected internal abstract void OnDue();
}

/// <summary>
/// All timers of the sandbox: one heap, one thread that sleeps until the first is due. Times are CLOCK_MONOTONIC.
/// </summary>
internal sealed class TimerQueue : IDisposable
{
    private const int StackBytes = 256 * 1024;
    private readonly RankedLock _lock = new(LockRank.Timers);
    // Its word changes whenever the earliest deadline may have become earlier.
    private readonly HostFutex _alarm = new();
    private TimerEntry[] _heap = new TimerEntry[16]; // Guarded by _lock: a binary heap, the earliest first.
    private int _count;
    private bool _isStarted; // Guarded by _lock.
    private volatile bool _isDisposed;

    /// <summary>Armed timers. A hint.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>
    /// Arms a timer, or moves one that is armed. From any thread; with locks ranked above Timers held or none.
    /// </summary>
    public void Arm(TimerEntry entry, Deadline due)
    {
        bool isFirst;
        using (_lock.Enter())
        {
            if (entry.Position >= 0)
                RemoveAt(entry.Position);
            entry.Due = due;
            if (!due.IsNever)
                Insert(entry);
            isFirst = entry.Position == 0;
            if (!_isStarted && !_isDisposed)
                StartLocked();
        }

        if (isFirst)
            WakeThread();
    }

    /// <summary>Disarms a timer. False if it was not armed: it may be expiring right now.</summary>
    public bool Cancel(TimerEntry entry)
    {
        using (_lock.Enter())
        {
            if (entry.Position < 0)
                return false;
            RemoveAt(entry.Position);
            return true;
        }
    }

    public void Dispose()
    {
        _isDisposed = true;
        WakeThread();
    }

    /// <summary>Starts the thread now, while there is room for it; the first timer does so, too.</summary>
    public void Start()
    {
        using (_lock.Enter())
        {
            if (!_isStarted && !_isDisposed)
                StartLocked();
        }
    }

    private void StartLocked()
    {
        _isStarted = HostThread.TryStart("timers", StackBytes, Run);
        if (!_isStarted)
            throw new InvalidOperationException("the host has no room for the thread of the timers");
    }

    private void WakeThread()
    {
        Interlocked.Increment(ref _alarm.Word);
        _alarm.Wake();
    }

    private void Run()
    {
        while (!_isDisposed)
        {
            int alarm = Volatile.Read(ref _alarm.Word);
            TimerEntry? due = TakeDue(out Deadline next);
            if (due is not null)
                Expire(due);
            else
                _alarm.Wait(alarm, next.Nanoseconds);
        }
    }

    private static void Expire(TimerEntry due)
    {
        try
        {
            due.OnDue();
        }
        catch (Exception exception)
        {
            HostThread.Report("timers", exception); // It is one timer's; all others go on.
        }
    }

    private TimerEntry? TakeDue(out Deadline next)
    {
        using (_lock.Enter())
        {
            next = _count == 0 ? Deadline.Never : _heap[0].Due;
            if (_count == 0 || !next.HasPassed)
                return null;
            TimerEntry first = _heap[0];
            RemoveAt(0);
            return first;
        }
    }

    private void Insert(TimerEntry entry)
    {
        if (_count == _heap.Length)
            Array.Resize(ref _heap, _count * 2);
        Place(entry, _count);
        _count++;
        MoveUp(entry);
    }

    private void RemoveAt(int position)
    {
        _heap[position].Position = -1;
        _count--;
        TimerEntry last = _heap[_count];
        _heap[_count] = null!;
        if (position == _count)
            return;
        Place(last, position);
        MoveUp(last);
        MoveDown(last);
    }

    private void MoveUp(TimerEntry entry)
    {
        while (entry.Position > 0)
        {
            TimerEntry parent = _heap[(entry.Position - 1) / 2];
            if (parent.Due.Nanoseconds <= entry.Due.Nanoseconds)
                return;
            Swap(parent, entry);
        }
    }

    private void MoveDown(TimerEntry entry)
    {
        while (true)
        {
            int child = (entry.Position * 2) + 1;
            if (child >= _count)
                return;
            if (child + 1 < _count && _heap[child + 1].Due.Nanoseconds < _heap[child].Due.Nanoseconds)
                child++;
            if (entry.Due.Nanoseconds <= _heap[child].Due.Nanoseconds)
                return;
            Swap(entry, _heap[child]);
        }
    }

    private void Swap(TimerEntry a, TimerEntry b)
    {
        int position = a.Position;
        Place(a, b.Position);
        Place(b, position);
    }

    private void Place(TimerEntry entry, int position)
    {
        _heap[position] = entry;
        entry.Position = position;
    }
}
