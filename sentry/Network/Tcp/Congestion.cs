namespace Sandbox.Sentry.Network.Tcp;

/// <summary>How much may be in flight (RFC 5681), and how it grows: by TCP_CONGESTION's choice. Bytes.</summary>
internal sealed class Congestion(int segment, bool isCubic)
{
    private const int InitialSegments = 10;

    private const double Factor = 0.4, Decrease = 0.7; // RFC 9438: C and beta.
    private const double Second = 1e9;

    private double _windowBefore; // W_max, segments.
    private double _timeToReach;  // K, seconds.
    private double _friendly;     // W_est, segments.
    private long _epoch;          // When this growth began; 0 if it has not.
    private int _acknowledged;

    public bool IsCubic { get; set; } = isCubic;

    public int Segment { get; private set; } = segment;

    public int Window { get; private set; } = InitialSegments * segment;

    public int Threshold { get; private set; } = int.MaxValue;

    public bool IsSlowStart => Window < Threshold;

    public void SetSegment(int bytes)
    {
        if (Window == InitialSegments * Segment)
            Window = InitialSegments * bytes;
        Segment = bytes;
    }

    /// <summary>New data was acknowledged, outside of recovery and while the window was in use.</summary>
    public void OnAcknowledged(int bytes, long roundTrip, long now)
    {
        if (IsSlowStart)
            Window = (int)Math.Min((long)Window + Math.Min(bytes, 2 * Segment), int.MaxValue / 2);
        else if (IsCubic)
            GrowCubic(bytes, roundTrip, now);
        else
            GrowLinear(bytes);
    }

    /// <summary>A segment was lost: to <see cref="Threshold"/>, where the recovery goes on from.</summary>
    public void OnLoss(int inFlight)
    {
        double segments = (double)Window / Segment;
        // Fast convergence (RFC 9438, 4.7): a flow whose window shrinks leaves room for others.
        _windowBefore = segments < _windowBefore ? segments * (1 + Decrease) / 2 : segments;
        _epoch = 0;
        int reduced = IsCubic ? (int)(Math.Min(Window, Math.Max(inFlight, Segment)) * Decrease) : inFlight / 2;
        Threshold = Math.Max(reduced, 2 * Segment);
        Window = Threshold;
    }

    /// <summary>Nothing came back in time: the window is one segment.</summary>
    public void OnTimeout(int inFlight)
    {
        OnLoss(inFlight);
        Window = Segment;
    }

    /// <summary>It was idle for longer than a time-out: it may not burst (RFC 2861).</summary>
    public void OnIdle() => Window = Math.Min(Window, InitialSegments * Segment);

    private void GrowLinear(int bytes)
    {
        _acknowledged += bytes;
        if (_acknowledged < Window)
            return;
        _acknowledged -= Window;
        Window = (int)Math.Min((long)Window + Segment, int.MaxValue / 2);
    }

    private void GrowCubic(int bytes, long roundTrip, long now)
    {
        double segments = (double)Window / Segment;
        if (_epoch == 0)
        {
            _epoch = now;
            _friendly = segments;
            _windowBefore = Math.Max(_windowBefore, segments);
            _timeToReach = Math.Cbrt((_windowBefore - segments) / Factor);
        }

        double time = (now - _epoch + roundTrip) / Second, ahead = time - _timeToReach;
        double target = Math.Clamp((Factor * ahead * ahead * ahead) + _windowBefore, segments, segments * 1.5);
        double acknowledged = (double)bytes / Segment;
        _friendly += 3 * (1 - Decrease) / (1 + Decrease) * acknowledged / segments;
        double next = Math.Max(_friendly, segments + ((target - segments) * acknowledged / segments));
        Window = (int)Math.Min(next * Segment, int.MaxValue / 2);
    }
}
