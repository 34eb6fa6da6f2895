namespace Sandbox.Sentry.Network.Tcp;

/// <summary>
/// The measured round trip and the retransmission time-out that follows from it (RFC 6298). Nanoseconds.
/// </summary>
internal struct RoundTrip
{
    private const long Millisecond = 1_000_000, Second = 1000 * Millisecond;

    /// <summary>As Linux has them: the RFC would not go below a second.</summary>
    private const long MinTimeout = 200 * Millisecond, MaxTimeout = 120 * Second, FirstTimeout = Second;

    private const long Granularity = 4 * Millisecond;

    private int _backoff;
    private long _timeout;

    public long Smoothed { get; private set; }

    public long Variation { get; private set; }

    public long Least { get; private set; }

    public readonly int Backoff => _backoff;

    /// <summary>The time-out now, with what it was doubled since the last measurement.</summary>
    public readonly long Timeout =>
        Math.Min((_timeout == 0 ? FirstTimeout : _timeout) << Math.Min(_backoff, 16), MaxTimeout);

    public void Measure(long sample)
    {
        sample = Math.Max(sample, 1000);
        Least = Least == 0 ? sample : Math.Min(Least, sample);
        if (Smoothed == 0)
        {
            Smoothed = sample;
            Variation = sample / 2;
        }
        else
        {
            Variation += (Math.Abs(Smoothed - sample) - Variation) / 4;
            Smoothed += (sample - Smoothed) / 8;
        }

        _timeout = Math.Clamp(Smoothed + Math.Max(Granularity, 4 * Variation), MinTimeout, MaxTimeout);
        _backoff = 0;
    }

    /// <summary>Nothing came back in time: twice as long for the next.</summary>
    public void Double() => _backoff++;

    public void ResetBackoff() => _backoff = 0;
}
