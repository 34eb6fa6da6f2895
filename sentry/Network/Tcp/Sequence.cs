namespace Sandbox.Sentry.Network.Tcp;

/// <summary>A sequence number of TCP: a place in a stream of bytes, modulo 2^32 (RFC 9293, 3.4).</summary>
internal readonly record struct Sequence(uint Value)
{
    public static Sequence operator +(Sequence a, int bytes) => new(a.Value + (uint)bytes);

    public static Sequence operator -(Sequence a, int bytes) => new(a.Value - (uint)bytes);

    /// <summary>How far <paramref name="a"/> is beyond <paramref name="b"/>; negative if it is before.</summary>
    public static int operator -(Sequence a, Sequence b) => (int)(a.Value - b.Value);

    public static bool operator <(Sequence a, Sequence b) => a - b < 0;

    public static bool operator >(Sequence a, Sequence b) => a - b > 0;

    public static bool operator <=(Sequence a, Sequence b) => a - b <= 0;

    public static bool operator >=(Sequence a, Sequence b) => a - b >= 0;

    public static Sequence Max(Sequence a, Sequence b) => a > b ? a : b;

    public static Sequence Min(Sequence a, Sequence b) => a < b ? a : b;
}

/// <summary>The bytes [<paramref name="Start"/>, <paramref name="End"/>) of a stream.</summary>
internal readonly record struct SequenceRange(Sequence Start, Sequence End)
{
    public int Length => End - Start;
}
