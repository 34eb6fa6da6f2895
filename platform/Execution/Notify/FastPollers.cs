using System.Diagnostics;

namespace Sandbox.Platform.Notify;

/// <summary>
/// The pollers of a platform: one, and others only while it is stuck in a handler that sleeps. Where polling does not
/// pay, because the machine is busy, it pauses for longer and longer.
/// </summary>
internal sealed class FastPollers
{
    private const int MaxPollers = 4, MaxPauseShift = 10, PatientSessions = 2, IntervalShift = 6;

    // A call that took longer waited for something.
    private static readonly long _longestInterval = Stopwatch.Frequency * 60 / 1_000_000;

    private readonly Lock _lock = new();
    private readonly List<FastPoller> _pollers = []; // Guarded by _lock.
    private int _unpaidSessions;
    private long _pausedUntil;
    private long _interval = Stopwatch.Frequency * 8 / 1_000_000;

    /// <summary>False: polling would not pay at the moment.</summary>
    public bool IsReady => Stopwatch.GetTimestamp() >= Volatile.Read(ref _pausedUntil);

    /// <summary>False if everybody who could look at the channel is stuck.</summary>
    public bool TryOffer(FastChannel channel)
    {
        lock (_lock)
        {
            foreach (FastPoller poller in _pollers)
            {
                if (!poller.IsStuck && poller.TryOffer(channel))
                    return true;
            }
            return _pollers.Count < MaxPollers && Add().TryOffer(channel);
        }
    }

    /// <summary>
    /// Has a deferred call continued. There is no limit here: those who sleep in their handlers may wait for just this call.
    /// </summary>
    public void Continue(FastChannel channel)
    {
        lock (_lock)
        {
            foreach (FastPoller poller in _pollers)
            {
                if (!poller.IsStuck && poller.TryContinue(channel))
                    return;
            }
            Add().TryContinue(channel);
        }
    }

    private FastPoller Add()
    {
        FastPoller poller = new(this);
        _pollers.Add(poller);
        return poller;
    }

    /// <summary>
    /// From one call to the next of a guest that calls often, by notifications (Stopwatch ticks): a moving mean. What polling has to
    /// be better than.
    /// </summary>
    public long NotifiedInterval => Volatile.Read(ref _interval);

    /// <summary>A guest that calls often has made its next call. Several receivers do this without a lock: it is a mean.</summary>
    public void AddInterval(long ticks)
    {
        if (ticks < _longestInterval)
            Volatile.Write(ref _interval, _interval + ((ticks - _interval) >> IntervalShift));
    }

    /// <summary>A poller goes to sleep. A session or two may be short by chance; after that, it is made to wait longer each time.</summary>
    public void OnSession(bool hasPaid)
    {
        int unpaid = hasPaid ? 0 : Math.Min(Volatile.Read(ref _unpaidSessions) + 1, PatientSessions + MaxPauseShift + 1);
        Volatile.Write(ref _unpaidSessions, unpaid);
        long pause = unpaid <= PatientSessions ? 0 : 1L << (unpaid - PatientSessions - 1);
        Volatile.Write(ref _pausedUntil, Stopwatch.GetTimestamp() + (pause * (Stopwatch.Frequency / 1_000)));
    }
}
