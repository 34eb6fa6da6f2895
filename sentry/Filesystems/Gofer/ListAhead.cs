using Sandbox.Gofer.Protocol;
using Sandbox.Linux;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>
/// Listings of directories that are likely to be listed next: whoever lists the directories of a tree one after the other (find, du,
/// tar, git) gets many with one message. A bounded number of entries is kept until they are asked for or a name or attribute
/// changes anywhere in the tree.
/// </summary>
/// <remarks>Only for trees that the sandbox alone changes, or that are looked at again when somebody else may have.</remarks>
internal sealed class ListAhead(GoferFileSystem fileSystem)
{
    // About 200 bytes each.
    private const int EntriesMax = 4096;

    private const int FewDirectories = 4;
    private const int ManyDirectories = 1024;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    private readonly Dictionary<(ulong Device, ulong Inode), GoferListing> _kept = []; // Guarded by _lock, as are the next three.
    private int _entries;
    private long _changes; // The filesystem's, when these were asked for.
    private int _most = FewDirectories;

    /// <summary>Takes the listing of a directory out, if there is one that still holds.</summary>
    public GoferListing? Take((ulong Device, ulong Inode) directory)
    {
        GoferListing? listing;
        using (_lock.Enter())
        {
            if (_kept.Count == 0 || !_kept.Remove(directory, out listing))
                return null;
            _entries -= listing.Entries.Length + 1;
            if (_changes != fileSystem.Changes)
            {
                Clear();
                _most = FewDirectories; // It does not pay while things change.
                return null;
            }
            _most = Math.Min(2 * _most, ManyDirectories);
        }
        return fileSystem.IsOutdated(listing.AskedTicks) ? null : listing;
    }

    /// <summary>
    /// Lists the directory that is the first of some entries of <paramref name="parent"/>, and keeps the listings of others below and
    /// after it. ENOENT if the first does not fit into a message or is not what it was.
    /// </summary>
    public Result<GoferListing> Read(
        GoferDirectory parent, ReadOnlySpan<GoferEntry> entries, (ulong Device, ulong Inode) wanted, long askedTicks)
    {
        long changes = fileSystem.Changes;
        if (parent.EnsureHandle().Failed(out uint handle, out Errno error))
            return error;
        Span<int> chosen = stackalloc int[GoferLimits.ReadTreeNamesMax];
        (int count, int most) = Choose(entries, chosen);
        using GoferChannel channel = fileSystem.Client.Take();
        MessageWriter request = channel.Start();
        request.Write(new ReadTreeRequest { Handle = handle, Count = (ushort)count, DirectoriesMax = (ushort)most });
        foreach (int index in chosen[..count])
            request.WriteText(entries[index].Name.Bytes);
        error = channel.Exchange(GoferOperation.ReadTree, ref request, out MessageReader reply);
        if (error != Errno.Ok)
            return error;
        if (reply.Read(out ReadTreeReply header) != Errno.Ok)
            return Errno.EIO;

        Result<GoferListing> first = Errno.ENOENT;
        for (uint i = 0; i < header.Count; i++)
        {
            if (ReadDirectory(ref reply, askedTicks, out (ulong, ulong) directory) is not { } listing)
                return Errno.EIO;
            if (directory == wanted)
                first = listing;
            else
                Keep(directory, listing, changes);
        }
        return first;
    }

    /// <summary>One directory of a reply, or null: the Gofer breaks the protocol.</summary>
    private static GoferListing? ReadDirectory(
        ref MessageReader reply, long askedTicks, out (ulong Device, ulong Inode) directory)
    {
        directory = default;
        // An entry takes more than 16 bytes: no count makes us take more memory than the message warrants.
        if (reply.Read(out TreeDirectoryHeader header) != Errno.Ok || header.Count > reply.RemainingBytes / 16)
            return null;
        directory = (header.Device, header.Inode);
        GoferEntry[] entries = header.Count == 0 ? [] : new GoferEntry[header.Count];
        for (int i = 0; i < entries.Length; i++)
        {
            if (GoferEntry.Read(ref reply, out entries[i]) != Errno.Ok)
                return null;
        }
        return new GoferListing(entries, askedTicks);
    }

    /// <summary>Indexes of the first entry and of directories after it that are not known; how many, and how many to list.</summary>
    private (int Count, int Most) Choose(ReadOnlySpan<GoferEntry> entries, Span<int> chosen)
    {
        int count = 0;
        using (_lock.Enter())
        {
            for (int i = 0; i < entries.Length && count < Math.Min(chosen.Length, _most); i++)
            {
                ref readonly GoferEntry entry = ref entries[i];
                bool isUnknown = entry.Type == FileType.Directory && entry.HasAttributes
                    && !_kept.ContainsKey((entry.Attributes.Device, entry.Attributes.Inode));
                if (i == 0 || isUnknown)
                    chosen[count++] = i;
            }
            return (count, _most);
        }
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
}
