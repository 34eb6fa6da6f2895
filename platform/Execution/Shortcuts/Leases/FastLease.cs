using System.Runtime.InteropServices;
using Sandbox.Platform.Shortcuts.Page;

namespace Sandbox.Platform.Shortcuts.Leases;

/// <summary>
/// A lease of one open file in the page of one guest thread: the thread answers its own reads of the file from there.
/// The word of the position decides: while it is not negative the thread may read, and it moves the position by a
/// compare-exchange after it has copied. So whoever takes the position away ends every read that is not yet over.
/// </summary>
internal sealed class FastLease(FastLeases leases, int descriptor, int room) : IFileLease
{
    private const long None = -1;

    // Guarded by the leases' lock.
    private long _position;
    private int _count;
    private bool _isPublished;
    private bool _isOver;
    private bool _wasUsed;

    public int Descriptor => descriptor;

    public int Room => room;

    public Span<byte> Bytes => leases.Page.Bytes(RoomOffset, FastLayout.LeaseRoomBytes);

    private int RoomOffset => FastLayout.LeaseDataOffset + (room * FastLayout.LeaseRoomBytes);

    public bool Publish(long position, long start, int count, bool isAtEnd, ReadOnlySpan<byte> stat)
    {
        lock (leases.Lock)
        {
            if (_isOver)
                return false;
            Span<byte> lease = leases.Page.Lease(descriptor);
            Span<long> words = MemoryMarshal.Cast<byte, long>(lease);
            words[FastLayout.LeaseBase / sizeof(long)] = (long)leases.Page.GuestAddress + RoomOffset - start;
            words[FastLayout.LeaseStart / sizeof(long)] = start;
            words[FastLayout.LeaseEnd / sizeof(long)] = start + count;
            words[FastLayout.LeaseFlags / sizeof(long)] = isAtEnd ? FastLayout.LeaseIsAtEnd : 0;
            stat.CopyTo(lease[FastLayout.LeaseStat..]);
            (_position, _isPublished) = (position, true);
            _count = Math.Max(_count, count);
            leases.Page.ExchangePosition(descriptor, position);
            return true;
        }
    }

    public long Withdraw()
    {
        lock (leases.Lock)
        {
            WithdrawLocked();
            return _position;
        }
    }

    public bool End()
    {
        lock (leases.Lock)
        {
            if (!_isOver)
                EndLocked();
            return _wasUsed;
        }
    }

    /// <summary>Ends the lease for good, with the lock held, and once only.</summary>
    public void EndLocked()
    {
        WithdrawLocked();
        _isOver = true;
        Bytes[.._count].Clear();
        leases.Remove(this);
    }

    private void WithdrawLocked()
    {
        if (!_isPublished)
            return;
        _isPublished = false;
        long position = leases.Page.ExchangePosition(descriptor, None);
        if (position >= 0)
            _position = position; // Else an honest guest has not written there.
        ReadOnlySpan<int> words = MemoryMarshal.Cast<byte, int>(leases.Page.Lease(descriptor));
        _wasUsed |= words[FastLayout.LeaseUsed / sizeof(int)] != 0;
    }
}
