using System.Diagnostics;

namespace Sandbox.Platform.Shortcuts.Polling;

/// <summary>
/// What it brings the guests that a poller looks at their pages for a while, and what it costs them: all in Stopwatch ticks.
/// Only the poller's thread uses it.
/// </summary>
internal struct FastSession(FastPollers pollers, long start)
{
    /// <summary>Between two looks: somebody else had the processor.</summary>
    private static readonly long _gapTicks = Stopwatch.Frequency * 100 / 1_000_000;

    /// <summary>
    /// So long may others have it at first, for the guests that do not yet leave it to this thread: they are offered soon.
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

    /// <summary>It costs more than it brings, or others want the processor for most of the time.</summary>
    public readonly bool IsLosing(long now) => _gain < -_mostLoss || (_lost > _trialTicks && _lost * 2 > now - start);

    /// <summary>A guest was answered at some time, and made its next call, which was seen at another.</summary>
    public void OnServed(long answered, long seen)
    {
        long gap = seen - answered;
        if (gap > 0)
            _gain = Math.Min(_gain + Math.Max(pollers.NotifiedGap - gap, 0), _mostGain);
        _gain -= _away; // It may have waited for long.
        _away = 0;
    }

    /// <summary>Nobody called for so long; <paramref name="isCrowded"/>: though some run that would have had this processor.</summary>
    public void OnIdle(long ticks, bool isCrowded)
    {
        _away = 0;
        if (isCrowded)
            _gain -= Math.Min(ticks, _gapTicks);
    }

    /// <summary>The thread has yielded, and has the processor again.</summary>
    public void OnYielded(long ticks)
    {
        if (ticks < _gapTicks)
            return;
        _away = _gapTicks;
        _lost += ticks;
    }
}
