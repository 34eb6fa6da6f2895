using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Network.Tcp;

/// <summary>
/// Segments that arrived for a connection and wait for its lock. They are put here by whoever sent them, possibly under
/// the lock of the other end of the same connection: so none is ever processed where it arrives.
/// </summary>
internal sealed class SegmentInbox
{
    /// <summary>More segments than any window needs are a flood: they are dropped.</summary>
    private const int MaxSegments = 8192;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    private TcpSegment? _first; // Guarded by _lock.
    private TcpSegment? _last;
    private int _count;

    public bool IsEmpty => Volatile.Read(ref _first) is null;

    public bool TryAdd(TcpSegment segment)
    {
        using (_lock.Enter())
        {
            if (_count >= MaxSegments)
                return false;
            if (_last is null)
                _first = segment;
            else
                _last.Next = segment;
            _last = segment;
            _count++;
            return true;
        }
    }

    /// <summary>Takes all that came, the first of them linked to the next; null if none did.</summary>
    public TcpSegment? TakeAll()
    {
        if (IsEmpty)
            return null;
        using (_lock.Enter())
        {
            TcpSegment? first = _first;
            (_first, _last, _count) = (null, null, 0);
            return first;
        }
    }
}
