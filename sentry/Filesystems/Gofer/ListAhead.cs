using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using Sandbox.Linux;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>
/// Listings of directories that are likely to be listed next: whoever lists the directories of a tree one after the
/// other (find, du, tar, git) gets many with one message, and the Gofer goes on listing while they are used. A bounded
/// number of entries is kept until they are asked for or a name or attribute changes anywhere in the tree.
/// </summary>
/// <remarks>
/// Only for trees that the sandbox alone changes, or that are looked at again when somebody else may have.
/// </remarks>
internal sealed class ListAhead(GoferFileSystem fileSystem)
{
    // About 200 bytes each.
    private const int EntriesMax = 4096;

    // With fewer than these left, the next are asked for.
    private const int EntriesLow = 1536;

    private const int FewDirectories = 4;
    private const int ManyDirectories = 1024;

    /// <summary>
    /// From so many on somebody really walks the tree: the next are asked for before they are needed.
    /// </summary>
    private const int DirectoriesForAhead = 32;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    // Guarded by _lock, as are the next four.
    private readonly Dictionary<(ulong Device, ulong Inode), GoferListing> _kept = [];
    private int _entries;
    private long _changes; // The filesystem's, when these were asked for.
    private int _most = FewDirectories;
    private (GoferDirectory Start, List<byte[]> Paths)? _next;
    private Ahead? _ahead; // Exchanged: who takes it out receives the reply.

    private sealed record Ahead(GoferChannel Channel, TreeRequest Request);

    /// <summary>Takes the listing of a directory out, if there is one that still holds, or is on its way.</summary>
    public GoferListing? Take((ulong Device, ulong Inode) directory)
    {
        GoferListing? listing = Find(directory);
        if (listing is null)
        {
            if (!ReceiveAhead(out GoferDirectory? start, out List<byte[]>? next))
                return null;
            listing = Find(directory);
            GoOn(listing is not null ? next : null, start); // It ends with the walk.
            if (listing is null)
                return null;
        }

        AskAhead();
        return fileSystem.IsOutdated(listing.AskedTicks) ? null : listing;
    }

    /// <summary>
    /// The listing of a directory that was not asked for yet, if there is one that still holds; it stays.
    /// </summary>
    public GoferListing? Peek((ulong Device, ulong Inode) directory)
    {
        using (_lock.Enter())
            return _changes == fileSystem.Changes && _kept.TryGetValue(directory, out GoferListing? listing)
                ? listing
                : null;
    }

    /// <summary>
    /// Lists the directory that is the first of some entries of <paramref name="parent"/>, and keeps the listings of
    /// others below and after it. ENOENT if the first does not fit into a message or is not what it was.
    /// </summary>
    public Result<GoferListing> Read(
        GoferDirectory parent, ReadOnlySpan<GoferEntry> entries, (ulong Device, ulong Inode) wanted)
    {
        (long changes, int most) = (fileSystem.Changes, Volatile.Read(ref _most));
        if (parent.EnsureHandle().Failed(out uint handle, out Errno error))
            return error;
        List<byte[]> paths = TreeRequest.NamesOf(entries, IsUnknown, most);
        TreeRequest request = new(parent, paths, changes, Stopwatch.GetTimestamp());
        Collector sink = new(this, changes, wanted);
        List<byte[]>? next = null;
        using (GoferChannel channel = fileSystem.Client.Take())
        {
            error = request.Send(channel, handle, most);
            if (error == Errno.Ok)
                error = request.Receive(channel, sink, out next);
        }

        GoOn(error == Errno.Ok ? next : null, parent);
        AskAhead();
        return error != Errno.Ok ? error : sink.Wanted is { } listing ? listing : Errno.ENOENT;
    }

    /// <summary>Drops everything: the tree is unmounted.</summary>
    public void Forget()
    {
        ReceiveAhead(out _, out _); // Its channel goes back.
        using (_lock.Enter())
        {
            Clear();
            _next = null;
        }
    }

    /// <summary>
    /// Keeps the listings that are on their way; false if there are none. What to ask next, from where.
    /// </summary>
    private bool ReceiveAhead([NotNullWhen(true)] out GoferDirectory? start, out List<byte[]>? next)
    {
        (start, next) = (null, null);
        if (Interlocked.Exchange(ref _ahead, null) is not { } ahead)
            return false;
        start = ahead.Request.Start;
        Collector sink = new(this, ahead.Request.Changes, default);
        if (ahead.Request.Receive(ahead.Channel, sink, out next) != Errno.Ok)
            // Nothing was asked for on behalf of anybody: who needs a listing asks again and sees the error.
            next = null;
        fileSystem.Client.ReturnAhead(ahead.Channel);
        return true;
    }

    /// <summary>Asks for the next listings, if somebody walks the tree and few are left.</summary>
    private void AskAhead()
    {
        (GoferDirectory Start, List<byte[]> Paths) next;
        int most;
        using (_lock.Enter())
        {
            bool isWanted = _next is not null && _most >= DirectoriesForAhead && _entries < EntriesLow;
            if (!isWanted || _changes != fileSystem.Changes)
                return;
            (next, most) = (_next.GetValueOrDefault(), _most);
        }

        if (next.Start.EnsureHandle().Failed(out uint handle, out _)
            || fileSystem.Client.TakeAhead() is not { } channel)
            return;
        GoOn(null, next.Start);
        TreeRequest request = new(next.Start, next.Paths, fileSystem.Changes, Stopwatch.GetTimestamp());
        if (request.Send(channel, handle, most) == Errno.Ok)
            Volatile.Write(ref _ahead, new Ahead(channel, request));
        else
            fileSystem.Client.ReturnAhead(channel);
    }

    private void GoOn(List<byte[]>? paths, GoferDirectory start)
    {
        using (_lock.Enter())
            _next = paths is { Count: > 0 } ? (start, paths) : null;
    }

    private GoferListing? Find((ulong Device, ulong Inode) directory)
    {
        using (_lock.Enter())
        {
            if (_kept.Count == 0 || !_kept.Remove(directory, out GoferListing? listing))
                return null;
            _entries -= listing.Entries.Length + 1;
            if (_changes != fileSystem.Changes)
            {
                Clear();
                _most = FewDirectories; // It does not pay while things change.
                return null;
            }

            _most = Math.Min(2 * _most, ManyDirectories);
            return listing;
        }
    }

    private bool IsUnknown(GoferEntry entry)
    {
        using (_lock.Enter())
            return entry.HasAttributes && !_kept.ContainsKey((entry.Attributes.Device, entry.Attributes.Inode));
    }

    private void Keep((ulong Device, ulong Inode) directory, GoferListing listing, long changes)
    {
        if (listing.Entries.Length > EntriesMax)
            return;
        using (_lock.Enter())
        {
            if (_changes != changes || _entries + listing.Entries.Length + 1 > EntriesMax)
                Clear();
            _changes = changes;
            if (_kept.TryAdd(directory, listing))
                _entries += listing.Entries.Length + 1;
        }
    }

    // With _lock held.
    private void Clear()
    {
        _kept.Clear();
        _entries = 0;
    }

    /// <summary>Keeps what comes, but for the one that somebody waits for.</summary>
    private sealed class Collector(ListAhead owner, long changes, (ulong Device, ulong Inode) wanted) : IListingSink
    {
        public GoferListing? Wanted { get; private set; }

        public void Add((ulong Device, ulong Inode) directory, GoferListing listing)
        {
            if (directory == wanted)
                Wanted = listing;
            else
                owner.Keep(directory, listing, changes);
        }
    }
}
