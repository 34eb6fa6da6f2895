using System.Diagnostics;

namespace Sandbox.Platform.Shortcuts.Polling;

/// <summary>
/// The pollers of a platform: one, and others only while it is stuck in a handler that sleeps. Where polling does not
/// pay, because the machine is busy, it pauses for longer and longer.
/// </summary>
internal sealed class FastPollers
{
    private const int MaxPollers = 4, MaxPauseShift = 10, GapShift = 4, LongerGapShift = 9;

    // What polling may lose before it pauses: at first, after a pause, and after it has paid for long.
    private static readonly long _firstCredit = Stopwatch.Frequency / 1_000;
    private static readonly long _nextCredit = Stopwatch.Frequency / 2_000;
    private static readonly long _mostCredit = Stopwatch.Frequency / 200;

    private readonly Lock _lock = new();
    private readonly List<FastPoller> _pollers = []; // Guarded by _lock.
    private long _credit = _firstCredit; // Written with _lock held.
    private int _pauses; // Guarded by _lock.
    private long _pausedUntil;
    private long _gap = Stopwatch.Frequency * 5 / 1_000_000;

    /// <summary>
    /// The longest time from an answer to the next call of a guest that counts as calling often (Stopwatch ticks).
    /// </summary>
    public static long LongestGap { get; } = Stopwatch.Frequency * 30 / 1_000_000;

    /// <summary>True unless polling would not pay at the moment.</summary>
    public bool IsReady => Stopwatch.GetTimestamp() >= Volatile.Read(ref _pausedUntil);

    /// <summary>True if polling has brought more than it cost lately.</summary>
    public bool IsPaying => Volatile.Read(ref _credit) > _firstCredit;

    /// <summary>Finds a poller for the channel. False if all there may be are stuck in handlers.</summary>
    public bool TryOffer(FastChannel channel)
    {
        lock (_lock)
        {
            foreach (FastPoller poller in _pollers)
            {
                if (!poller.IsStuck && poller.TryOffer(channel))
                    return true;
            }

            return _pollers.Count < MaxPollers && TryAdd() is { } added && added.TryOffer(channel);
        }
    }

    /// <summary>
    /// Has a poller go on with a call that was left waiting. There is no limit to pollers here: those who sleep in
    /// their handlers may wait for just this call.
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

            if (TryAdd() is { } added)
                added.TryContinue(channel);
            else
                _pollers[0].TryContinue(channel); // At the host's limit of threads it has to wait.
        }
    }

    private FastPoller? TryAdd()
    {
        FastPoller poller = new(this);
        if (!poller.TryStart())
            return null;
        _pollers.Add(poller);
        return poller;
    }

    /// <summary>
    /// An estimate of the time from an answer to the next call of a guest that calls by notifications and again at once
    /// (Stopwatch ticks), which polling has to beat. It follows short times quickly, long ones slowly.
    /// </summary>
    public long NotifiedGap => Volatile.Read(ref _gap);

    /// <summary>
    /// Takes a measured time into <see cref="NotifiedGap"/>. Several receivers do so without a lock: it is an estimate.
    /// </summary>
    public void AddGap(long ticks)
    {
        if (ticks < LongestGap)
            Volatile.Write(ref _gap, _gap + ((ticks - _gap) >> (ticks < _gap ? GapShift : LongerGapShift)));
    }

    /// <summary>
    /// A poller goes to sleep. It has saved the guests so much time (Stopwatch ticks), or cost them. Each pause without
    /// a gain between is twice as long as the last.
    /// </summary>
    public void OnSession(long gain)
    {
        lock (_lock)
        {
            _credit = Math.Min(_credit + gain, _mostCredit);
            if (_credit > _firstCredit)
                _pauses = 0;
            if (_credit >= 0)
                return;
            long pause = Stopwatch.Frequency / 1_000 << Math.Min(_pauses++, MaxPauseShift);
            _credit = _nextCredit;
            Volatile.Write(ref _pausedUntil, Stopwatch.GetTimestamp() + pause);
        }
    }
}
