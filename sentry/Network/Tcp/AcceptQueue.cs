using System.Diagnostics.CodeAnalysis;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Network.Tcp;

/// <summary>
/// A listener's children: those that still shake hands, and those that wait to be accepted. Both are bounded.
/// </summary>
internal sealed class AcceptQueue
{
    private const int MaxHalfOpen = 1024;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    private readonly Queue<TcpConnection> _ready = new(); // Guarded by _lock, as what follows.
    private readonly LinkedList<TcpConnection> _halfOpen = new();
    private bool _isClosed;

    /// <summary>How many may wait, as listen(2) has it: one more than this.</summary>
    public int Limit { get; set; }

    public int Count
    {
        get
        {
            using (_lock.Enter())
                return _ready.Count;
        }
    }

    public bool IsFull
    {
        get
        {
            using (_lock.Enter())
                return _isClosed || _ready.Count > Limit;
        }
    }

    /// <summary>
    /// A child begins its handshake. Gives the oldest other one if there are too many, which is to be given up: a flood
    /// of first segments must not shut others out.
    /// </summary>
    public TcpConnection? OnHalfOpen(TcpConnection child)
    {
        using (_lock.Enter())
        {
            _halfOpen.AddLast(child);
            if (_halfOpen.Count <= MaxHalfOpen)
                return null;
            TcpConnection oldest = _halfOpen.First!.Value;
            _halfOpen.RemoveFirst();
            return oldest;
        }
    }

    public void OnHalfOpenGone(TcpConnection child)
    {
        using (_lock.Enter())
            _halfOpen.Remove(child);
    }

    /// <summary>A child's handshake is done; false if there is no room for it.</summary>
    public bool TryAdd(TcpConnection child)
    {
        using (_lock.Enter())
        {
            if (_isClosed || _ready.Count > Limit)
                return false;
            _halfOpen.Remove(child);
            _ready.Enqueue(child);
            return true;
        }
    }

    public bool TryTake([NotNullWhen(true)] out TcpConnection? child)
    {
        using (_lock.Enter())
            return _ready.TryDequeue(out child);
    }

    /// <summary>The listener is gone; gives all children, for the caller to end.</summary>
    public TcpConnection[] Close()
    {
        using (_lock.Enter())
        {
            _isClosed = true;
            TcpConnection[] all = [.. _ready, .. _halfOpen];
            _ready.Clear();
            _halfOpen.Clear();
            return all;
        }
    }
}
