using System.Diagnostics;

namespace Sandbox.Platform.Notify;

/// <summary>
/// The pollers of a platform: one, and others only while it is stuck in a handler that sleeps. Where polling does not
/// pay, because the machine is busy, it pauses for longer and longer.
/// </summary>
internal sealed class FastPollers
{
    private const int MaxPollers = 4, MaxPauseMilliseconds = 1_000;

    private readonly Lock _lock = new();
    private readonly List<FastPoller> _pollers = []; // Guarded by _lock.
    private long _pauseMilliseconds;
    private long _pausedUntil;

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

    /// <summary>A poller goes to sleep.</summary>
    public void OnSession(bool hasPaid)
    {
        long pause = hasPaid ? 0 : Math.Clamp(Volatile.Read(ref _pauseMilliseconds) * 2, 1, MaxPauseMilliseconds);
        Volatile.Write(ref _pauseMilliseconds, pause);
        Volatile.Write(ref _pausedUntil, Stopwatch.GetTimestamp() + (pause * (Stopwatch.Frequency / 1_000)));
    }
}
