using System.Diagnostics;

namespace Sandbox.Platform.Shortcuts.Polling;

/// <summary>
/// The balance of one run of a poller, from waking up to going to sleep: the time that guests gained by faster answers,
/// less what the polling took from them (Stopwatch ticks). Only the poller's thread uses it.
/// </summary>
internal struct FastSession(FastPollers pollers, long start)
{
    /// <summary>A pause between two looks that means that other threads had the processor.</summary>
    private static readonly long _gapTicks = Stopwatch.Frequency * 100 / 1_000_000;

    /// <summary>
    /// How long other threads may have the processor at the start of a run, before that counts as a loss: guests that
    /// are not polled yet run on it, and will be offered soon.
    /// </summary>
    private static readonly long _trialTicks = Stopwatch.Frequency * 5 / 1_000;

    // A session that has gained much must not lose for long before it is seen.
    private static readonly long _mostGain = Stopwatch.Frequency / 200;
    private static readonly long _mostLoss = Stopwatch.Frequency / 1_000;

    private long _gain;
    private long _lost;
    private long _away;

    /// <summary>By how much the guests' calls came faster than by notifications, less what the session cost.</summary>
    public readonly long Gain => _gain;

    /// <summary>
    /// True if the run costs more than it brings, or other threads want the processor for most of the time.
    /// </summary>
    public readonly bool IsLosing(long now) => _gain < -_mostLoss || (_lost > _trialTicks && _lost * 2 > now - start);

    /// <summary>
    /// Counts a call that was answered: when the guest got the answer before, and when its new call was seen.
    /// </summary>
    public void OnServed(long answered, long seen)
    {
        long gap = seen - answered;
        if (gap > 0)
            _gain = Math.Min(_gain + Math.Max(pollers.NotifiedGap - gap, 0), _mostGain);
        _gain -= _away; // It may have waited for long.
        _away = 0;
    }

    /// <summary>
    /// Counts a time without calls; <paramref name="isCrowded"/>: guests wanted this processor meanwhile.
    /// </summary>
    public void OnIdle(long ticks, bool isCrowded)
    {
        _away = 0;
        if (isCrowded)
            _gain -= Math.Min(ticks, _gapTicks);
    }

    /// <summary>Counts a time for which the poller had yielded its processor.</summary>
    public void OnYielded(long ticks)
    {
        if (ticks < _gapTicks)
            return;
        _away = _gapTicks;
        _lost += ticks;
    }
}
