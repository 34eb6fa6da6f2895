namespace Sandbox.Sentry.Network.Tcp;

/// <summary>
/// Disjoint ranges of a stream in ascending order, bounded: what a peer says it has beyond a gap (SACK, RFC 2018). A
/// range too many is forgotten, which costs a retransmission and nothing else.
/// </summary>
internal sealed class RangeSet
{
    private const int MaxRanges = 128;

    private readonly List<SequenceRange> _ranges = [];

    public int Count => _ranges.Count;

    /// <summary>Bytes in all ranges.</summary>
    public int Bytes { get; private set; }

    public SequenceRange this[int index] => _ranges[index];

    /// <summary>The end of the last range; only if there is one.</summary>
    public Sequence Highest => _ranges[^1].End;

    public void Add(SequenceRange range)
    {
        int index = 0;
        while (index < _ranges.Count && _ranges[index].End < range.Start)
            index++;
        while (index < _ranges.Count && _ranges[index].Start <= range.End)
        {
            SequenceRange other = _ranges[index];
            range = new SequenceRange(Sequence.Min(range.Start, other.Start), Sequence.Max(range.End, other.End));
            Bytes -= other.Length;
            _ranges.RemoveAt(index);
        }

        if (_ranges.Count >= MaxRanges)
            return;
        _ranges.Insert(index, range);
        Bytes += range.Length;
    }

    /// <summary>Forgets everything before a place.</summary>
    public void DropBefore(Sequence start)
    {
        while (_ranges.Count > 0 && _ranges[0].Start < start)
        {
            SequenceRange first = _ranges[0];
            _ranges.RemoveAt(0);
            Bytes -= first.Length;
            if (first.End <= start)
                continue;
            _ranges.Insert(0, new SequenceRange(start, first.End));
            Bytes += first.End - start;
            return;
        }
    }

    /// <summary>
    /// The first bytes from <paramref name="from"/> on that are in no range but before the end of the last; or null.
    /// </summary>
    public SequenceRange? FirstGap(Sequence from)
    {
        foreach (SequenceRange range in _ranges)
        {
            if (from < range.Start)
                return new SequenceRange(from, range.Start);
            from = Sequence.Max(from, range.End);
        }

        return null;
    }

    public void Clear()
    {
        _ranges.Clear();
        Bytes = 0;
    }
}
