using System.Diagnostics;

namespace Sandbox.Platform.Notify;

/// <summary>
/// The pollers of a platform: one, and others only while it is stuck in a handler that blocks. Where polling does not
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
            FastPoller? free = _pollers.Find(poller => !poller.IsStuck);
            if (free is null)
            {
                if (_pollers.Count == MaxPollers)
                    return false;
                free = new FastPoller(this);
                _pollers.Add(free);
            }
            free.Offer(channel);
            return true;
        }
    }

    /// <summary>A poller goes to sleep.</summary>
    public void OnSession(bool hasPaid)
    {
        long pause = hasPaid ? 0 : Math.Clamp(Volatile.Read(ref _pauseMilliseconds) * 2, 1, MaxPauseMilliseconds);
        Volatile.Write(ref _pauseMilliseconds, pause);
        Volatile.Write(ref _pausedUntil, Stopwatch.GetTimestamp() + (pause * (Stopwatch.Frequency / 1_000)));
    }
}
