using Sandbox.Linux;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Sockets.Inet;

/// <summary>
/// The datagrams a socket has not received yet, and the errors its own ones met (ip(7), IP_RECVERR). Both are bounded.
/// </summary>
internal sealed class DatagramQueue(int capacity)
{
    /// <summary>What a datagram costs beside its bytes, so that empty ones cannot fill the memory.</summary>
    private const int OverheadBytes = 512;

    private const int MaxErrors = 64;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    private readonly Queue<Datagram> _datagrams = new(); // Guarded by _lock, as all that follows.
    private Queue<NetworkError>? _errors;
    private int _queuedBytes;
    private int _capacity = capacity;
    private uint _dropped;
    private Errno _pending;
    private bool _isClosed;

    /// <summary>Datagrams that found no room (SO_RXQ_OVFL, /proc/net/udp).</summary>
    public uint Dropped => Volatile.Read(ref _dropped);

    public int NextLength
    {
        get
        {
            using (_lock.Enter())
                return _datagrams.TryPeek(out Datagram next) ? next.Length : 0;
        }
    }

    public int QueuedBytes
    {
        get
        {
            using (_lock.Enter())
                return _queuedBytes;
        }
    }

    public void SetCapacity(int capacity)
    {
        using (_lock.Enter())
            _capacity = capacity;
    }

    /// <summary>Queues a copy; false if there is no room, and nobody is told, as in any network.</summary>
    public bool TryAdd(ReadOnlySpan<byte> data, in DatagramHeader header)
    {
        using (_lock.Enter())
        {
            if (_isClosed || (_queuedBytes > 0 && _queuedBytes + data.Length + OverheadBytes > _capacity))
            {
                _dropped++;
                return false;
            }

            _datagrams.Enqueue(Datagram.Copy(data, header));
            _queuedBytes += data.Length + OverheadBytes;
            return true;
        }
    }

    /// <summary>
    /// Copies the next datagram out and takes it, or only looks. EAGAIN; an error that waits comes first, once.
    /// </summary>
    public Result<int> Take(Span<byte> destination, bool isPeek, out DatagramHeader header, out int fullLength)
    {
        (header, fullLength) = (default, 0);
        using (_lock.Enter())
        {
            if (_pending != Errno.Ok)
            {
                Errno error = _pending;
                _pending = Errno.Ok;
                return error;
            }

            if (!_datagrams.TryPeek(out Datagram next))
                return Errno.EAGAIN;
            int count = Math.Min(destination.Length, next.Length);
            next.Data[..count].CopyTo(destination);
            (header, fullLength) = (next.Header, next.Length);
            if (isPeek)
                return count;
            _datagrams.Dequeue();
            _queuedBytes -= next.Length + OverheadBytes;
            next.Drop();
            return count;
        }
    }

    /// <summary>
    /// An error came for a datagram of this socket; <paramref name="isKept"/> keeps the details for MSG_ERRQUEUE too.
    /// </summary>
    public void AddError(in NetworkError error, ReadOnlySpan<byte> data, bool isKept)
    {
        using (_lock.Enter())
        {
            _pending = error.Error;
            if (isKept && !_isClosed && (_errors ??= new Queue<NetworkError>()).Count < MaxErrors)
                _errors.Enqueue(error with { Datagram = Datagram.Copy(data, default) });
        }
    }

    /// <summary>The oldest error with its datagram, which is the caller's to drop. EAGAIN.</summary>
    public Result<int> TakeError(Span<byte> destination, out NetworkError error)
    {
        error = default;
        using (_lock.Enter())
        {
            if (_errors is null || !_errors.TryDequeue(out error))
                return Errno.EAGAIN;

            // What poll reports goes on for as long as there are errors.
            _pending = _errors.TryPeek(out NetworkError next) ? next.Error : Errno.Ok;
        }

        int count = Math.Min(destination.Length, error.Datagram.Length);
        error.Datagram.Data[..count].CopyTo(destination);
        error.Datagram.Drop();
        return count;
    }

    /// <summary>SO_ERROR, taken.</summary>
    public Errno TakePending()
    {
        using (_lock.Enter())
        {
            Errno error = _pending;
            _pending = Errno.Ok;
            return error;
        }
    }

    public PollEvents Poll()
    {
        using (_lock.Enter())
        {
            PollEvents events = _datagrams.Count > 0 ? PollEvents.Readable : PollEvents.None;
            if (_errors is { Count: > 0 })
                events |= PollEvents.Error;
            return _pending != Errno.Ok ? events | PollEvents.Error | PollEvents.Readable : events;
        }
    }

    public void Close()
    {
        using (_lock.Enter())
        {
            _isClosed = true;
            foreach (Datagram datagram in _datagrams)
                datagram.Drop();
            foreach (NetworkError error in _errors ?? [])
                error.Datagram.Drop();
            _datagrams.Clear();
            _errors = null;
            _queuedBytes = 0;
        }
    }
}
