using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>
/// All entries of a directory of an exclusive tree, sorted by name, with their attributes when they were listed.
/// </summary>
internal sealed class GoferListing
{
    private readonly GoferEntry[] _entries;
    private volatile bool _isFresh = true;

    /// <param name="entries">Is sorted in place.</param>
    /// <param name="askedTicks">Of Stopwatch, before the Gofer was asked.</param>
    public GoferListing(GoferEntry[] entries, long askedTicks)
    {
        (_entries, AskedTicks) = (entries, askedTicks);
        Array.Sort(_entries, static (a, b) => a.Name.Bytes.SequenceCompareTo(b.Name.Bytes));
    }

    /// <summary>When the Gofer was asked, in ticks of Stopwatch.</summary>
    public long AskedTicks { get; }

    public ReadOnlySpan<GoferEntry> Entries => _entries;

    /// <summary>False once the attributes of some entry may have changed: then only its names count.</summary>
    public bool IsFresh => _isFresh;

    public void MarkStale() => _isFresh = false;

    /// <summary>Index of a name, or negative.</summary>
    public int Find(ReadOnlySpan<byte> name)
    {
        int low = 0, high = _entries.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            int order = _entries[middle].Name.Bytes.SequenceCompareTo(name);
            if (order == 0)
                return middle;
            (low, high) = order < 0 ? (middle + 1, high) : (low, middle - 1);
        }

        return -1;
    }
}

/// <summary>Bounds the memory of the listings one filesystem keeps: the oldest go.</summary>
internal sealed class ListingCache
{
    /// <summary>Longest listing that is kept.</summary>
    public const int EntriesPerListingMax = 10_000;

    // About 200 bytes each.
    private const int EntriesMax = 50_000;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    private readonly Queue<(GoferDirectory Directory, GoferListing Listing)> _kept = new(); // Guarded by _lock.
    // Too.
    private readonly Dictionary<(ulong Device, ulong Inode), (GoferDirectory Directory, GoferListing Listing)> _known =
        [];
    private int _entries; // Guarded by _lock: those of _kept, dropped ones included.

    /// <summary>The listing that a directory keeps, if it does.</summary>
    public GoferListing? Peek((ulong Device, ulong Inode) directory)
    {
        GoferDirectory? known;
        using (_lock.Enter())
            known = _known.GetValueOrDefault(directory).Directory;
        return known?.CurrentListing();
    }

    /// <summary>A directory keeps a listing; older ones may have to go.</summary>
    public void Added(GoferDirectory directory, GoferListing listing)
    {
        using (_lock.Enter())
        {
            _kept.Enqueue((directory, listing));
            _known[directory.HostId] = (directory, listing);
            _entries += listing.Entries.Length + 1;
            while (_entries > EntriesMax)
            {
                (GoferDirectory oldest, GoferListing old) = _kept.Dequeue();
                _entries -= old.Entries.Length + 1;
                oldest.DropListing(old);
                if (_known.TryGetValue(oldest.HostId, out (GoferDirectory, GoferListing Listing) known)
                    && known.Listing == old)
                    _known.Remove(oldest.HostId);
            }
        }
    }
}
