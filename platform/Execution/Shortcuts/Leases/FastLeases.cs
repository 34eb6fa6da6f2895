using Sandbox.Platform.Shortcuts.Page;

namespace Sandbox.Platform.Shortcuts.Leases;

/// <summary>
/// The file leases of one guest thread: one for a descriptor at most, and as many as there are rooms for bytes.
/// </summary>
internal sealed class FastLeases(FastPage page, LeaseBudget budget)
{
    private readonly FastLease?[] _byDescriptor = new FastLease?[FastLayout.Leases]; // Guarded by Lock.
    private readonly FastLease?[] _byRoom = new FastLease?[FastLayout.LeaseRooms]; // Guarded by Lock.
    private int _nextRoom; // Guarded by Lock.
    private bool _isCounted; // In the budget. Guarded by Lock.
    private bool _isClosed; // Guarded by Lock.

    /// <summary>Guards all leases of the thread. Nothing else is taken while it is held.</summary>
    public Lock Lock { get; } = new();

    public FastPage Page => page;

    /// <summary>
    /// The lease of a descriptor: the one there is, or a new one. Null if the descriptor's number is too high for a
    /// lease, or too many threads have leases.
    /// </summary>
    public FastLease? Offer(int descriptor)
    {
        if ((uint)descriptor >= (uint)_byDescriptor.Length)
            return null;
        lock (Lock)
        {
            if (_byDescriptor[descriptor] is { } known)
                return known;
            if (_isClosed || !(_isCounted = _isCounted || budget.TryTake()))
                return null;
            int room = _nextRoom++ % _byRoom.Length;
            _byRoom[room]?.EndLocked();
            return _byDescriptor[descriptor] = _byRoom[room] = new FastLease(this, descriptor, room);
        }
    }

    public void EndAll()
    {
        lock (Lock)
            EndAllLocked();
    }

    /// <summary>Ends all leases and gives none out any more: the thread is gone.</summary>
    public void Close()
    {
        lock (Lock)
        {
            EndAllLocked();
            _isClosed = true;
            if (_isCounted)
                budget.Return();
            _isCounted = false;
        }
    }

    /// <summary>Frees the lease's descriptor and room, with the lock held.</summary>
    public void Remove(FastLease lease) => _byDescriptor[lease.Descriptor] = _byRoom[lease.Room] = null;

    private void EndAllLocked()
    {
        foreach (FastLease? lease in _byRoom)
            lease?.EndLocked();
    }
}
