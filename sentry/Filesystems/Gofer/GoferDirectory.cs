using System.Diagnostics;
using Sandbox.Gofer.Protocol;
using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>
/// A directory of the host. The VFS holds the directory's dentry lock during everything that looks up or changes names.
/// </summary>
internal sealed class GoferDirectory(GoferFileSystem fileSystem, in GoferAttributes attributes, Place? place)
    : GoferInode(fileSystem, attributes, place), IListable
{
    private const uint RenameExchange = 2; // renameat2(2)

    /// <summary>Subdirectories and links may lie between two files that are opened one after the other.</summary>
    private const int GapMax = 8;
    private const int NotInOrder = -1000;

    /// <summary>Whoever opens one of the first entries of a listing will probably go on.</summary>
    private const int FirstMax = 2;

    private volatile bool _wasListed; // By a guest.
    private GoferListing? _listing; // Of an exclusive tree; null after every change of a name.
    private int _changes; // Counts them, so that a listing made meanwhile is not kept.

    // Opens in the order of the listing. Two threads at once may confuse the guess, which costs a message.
    private int _lastOpened = NotInOrder;

    public override bool CachesMissingNames => Gofer.Caching == GoferCaching.Exclusive;

    public override bool IsLookupDear => !CachesMissingNames;

    public override Result<Inode> Lookup(ReadOnlySpan<byte> name)
    {
        if (CurrentListing() is { } listing)
        {
            int index = listing.Find(name);
            if (index < 0)
                return Errno.ENOENT;
            ref readonly GoferEntry entry = ref listing.Entries[index];
            bool isCertain = entry.HasAttributes && listing.IsFresh
                && (entry.Type == FileType.Directory || entry.Attributes.LinkCount == 1);
            if (isCertain)
                return Known(entry);
        }

        return Ask(name);
    }

    public override Result<Inode> CreateFile(ReadOnlySpan<byte> name, in NewInode attributes)
    {
        if (EnsureHandle().Failed(out uint handle, out Errno error))
            return error;
        uint permissions = attributes.Mode & ModeBits.All;
        Result<HostFd> created = Client.Create(
            handle, name, OpenFlags.ReadWrite, permissions, attributes.UserId, attributes.GroupId,
            out GoferAttributes made);
        if (created.Failed(out HostFd? fd, out error))
            return error;
        NamesChanged();
        if (Gofer.Adopt(made, new Place(this, new FileName(name))) is not GoferFile file)
        {
            fd.Dispose();
            return Errno.EIO;
        }

        file.KeepNewFd(fd);
        return file;
    }

    public override Result<Inode> CreateTemporaryFile(in NewInode attributes)
    {
        if (EnsureHandle().Failed(out uint handle, out Errno error)
            || Client.CreateTemporary(
                handle, attributes.Mode & ModeBits.All, attributes.UserId, attributes.GroupId,
                out CreateTemporaryReply made).Failed(out HostFd? fd, out error))
            return error;
        if (Gofer.Adopt(made.Attributes, place: null) is not GoferFile file)
        {
            fd.Dispose();
            return Errno.EIO;
        }

        file.SetHandle(made.Handle);
        file.KeepNewFd(fd);
        return file;
    }

    public override Result<Inode> CreateDirectory(ReadOnlySpan<byte> name, in NewInode attributes)
    {
        if (EnsureHandle().Failed(out uint handle, out Errno error))
            return error;
        error = Client.MakeDirectory(
            handle, name, attributes.Mode & ModeBits.All, attributes.UserId, attributes.GroupId,
            out GoferAttributes made);
        return Made(error, name, made);
    }

    public override Result<Inode> CreateSymbolicLink(
        ReadOnlySpan<byte> name, ReadOnlySpan<byte> target, in NewInode attributes)
    {
        if (EnsureHandle().Failed(out uint handle, out Errno error))
            return error;
        error = Client.SymbolicLink(
            handle, name, target, attributes.UserId, attributes.GroupId, out GoferAttributes made);
        return Made(error, name, made);
    }

    public override Result<Inode> CreateNode(ReadOnlySpan<byte> name, ulong rawDevice, in NewInode attributes)
    {
        if (EnsureHandle().Failed(out uint handle, out Errno error))
            return error;
        error = Client.MakeNode(
            handle, name, attributes.Mode, attributes.UserId, attributes.GroupId, rawDevice, out GoferAttributes made);
        return Made(error, name, made);
    }

    public override Errno Link(ReadOnlySpan<byte> name, Inode target)
    {
        if (target is not GoferInode source || source.Gofer != Gofer)
            return Errno.EXDEV;
        if (EnsureHandle().Failed(out uint handle, out Errno error)
            || source.EnsureHandle().Failed(out uint from, out error))
            return error;
        error = Client.Link(from, default, handle, name, out GoferAttributes made);
        if (error != Errno.Ok)
            return error;
        if (!source.IsSame(made))
            return Errno.EIO;
        source.Apply(made);
        source.Place?.Parent.MarkListingStale();
        source.SetPlace(new Place(this, new FileName(name))); // Often the old name goes next.
        Gofer.RememberLinked(source);
        NamesChanged();
        return Errno.Ok;
    }

    public override Errno Unlink(ReadOnlySpan<byte> name, Inode child) => Remove(name, child, isDirectory: false);

    public override Errno RemoveDirectory(ReadOnlySpan<byte> name, Inode child) =>
        Remove(name, child, isDirectory: true);

    public override Errno Rename(
        ReadOnlySpan<byte> name, Inode child, Inode newParent, ReadOnlySpan<byte> newName, Inode? replaced,
        bool exchange)
    {
        if (newParent is not GoferDirectory target || target.Gofer != Gofer || child is not GoferInode moved)
            return Errno.EXDEV;
        GoferInode? old = replaced as GoferInode;
        if (!exchange)
            old?.PrepareForNameLoss(target, newName);
        if (EnsureHandle().Failed(out uint from, out Errno error)
            || target.EnsureHandle().Failed(out uint to, out error))
            return error;
        error = Client.Rename(from, name, to, newName, exchange ? RenameExchange : 0);
        if (error != Errno.Ok)
            return error;
        if (exchange)
            old?.SetPlace(new Place(this, new FileName(name)));
        else
            old?.LostName(target, newName);
        moved.SetPlace(new Place(target, new FileName(newName)));
        moved.MarkStale(); // Its change time.
        NamesChanged();
        target.NamesChanged();
        return Errno.Ok;
    }

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller) =>
        new DirectoryFile(this, path, flags, caller);

    /// <summary>For <see cref="DirectoryFile"/>.</summary>
    public Errno List(ICaller caller, List<DirectoryEntry> entries)
    {
        if (LinkCount == 0)
            return Errno.ENOENT; // Removed: not even "." is in it (getdents(2)).
        _wasListed = true;
        if ((CurrentListing() ?? ListAhead()) is { } known)
        {
            AddAll(known.Entries, entries);
            return Errno.Ok;
        }

        (int changes, long treeChanges) = (Volatile.Read(ref _changes), Gofer.Changes);
        long asked = Stopwatch.GetTimestamp();
        List<GoferEntry> found = [];
        if (ReadAll(found) is not Errno.Ok and Errno error)
            return error;
        if (Gofer.IsSandboxOwned && found.Count <= ListingCache.EntriesPerListingMax)
        {
            GoferListing listing = new([.. found], asked);
            Keep(listing, changes, treeChanges);
            AddAll(listing.Entries, entries);
            return Errno.Ok;
        }

        AddAll(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(found), entries);
        return Errno.Ok;
    }

    /// <summary>For <see cref="DirectoryFile"/>.</summary>
    public Errno Synchronize() => EnsureHandle().Failed(out uint handle, out Errno error) ? error : Client.Sync(handle);

    /// <summary>
    /// A descriptor for reading a file of an exclusive tree. If the files are opened one after the other,
    /// the next ones come along.
    /// </summary>
    internal Result<HostFd> OpenChild(FileName name, (ulong Device, ulong Inode) file, out GoferAttributes attributes)
    {
        GoferListing? listing = CurrentListing();
        int index = listing?.Find(name.Bytes) ?? -1;
        int gap = index - _lastOpened;
        bool isFirst = (_lastOpened == NotInOrder || gap <= 0) && (index <= FirstMax || Gofer.Ahead.Pays);
        bool isInOrder = index >= 0 && (isFirst || gap is > 0 and <= GapMax);
        _lastOpened = index < 0 ? NotInOrder : index;
        if (Gofer.Ahead.Take(file, out attributes) is { } fd)
            return fd;
        if (isInOrder)
            return Gofer.Ahead.Open(this, listing!.Entries[index..], out attributes);
        return EnsureHandle().Failed(out uint handle, out Errno error)
            ? error
            : Client.Open(handle, name.Bytes, OpenFlags.ReadOnly, out attributes);
    }

    /// <summary>Forgets a listing, if it is still that one.</summary>
    internal void DropListing(GoferListing listing) => Interlocked.CompareExchange(ref _listing, null, listing);

    /// <summary>The attributes of some entry changed.</summary>
    internal void MarkListingStale()
    {
        Gofer.CountChange();
        Volatile.Read(ref _listing)?.MarkStale();
    }

    internal override void LostName(GoferDirectory directory, ReadOnlySpan<byte> name)
    {
        base.LostName(directory, name);
        Volatile.Write(ref _listing, null);
    }

    /// <summary>
    /// A name came or went: the listing is wrong, and this directory's times and link count have changed.
    /// </summary>
    private void NamesChanged()
    {
        Gofer.CountChange();
        Interlocked.Increment(ref _changes);
        Volatile.Write(ref _listing, null);
        Gofer.Ahead.Forget();
        MarkStale();
    }

    /// <summary>The listing, unless there is none or it is too old.</summary>
    internal GoferListing? CurrentListing()
    {
        if (_listing is not { } listing || !Gofer.IsOutdated(listing.AskedTicks))
            return _listing;
        DropListing(listing);
        return null;
    }

    /// <summary>
    /// The listing as one that came along with another directory's, or with others to come if the parent was listed,
    /// too: somebody walks the tree. Null if it is to be asked for alone.
    /// </summary>
    private GoferListing? ListAhead()
    {
        if (!Gofer.IsSandboxOwned)
            return null;
        (int changes, long treeChanges) = (Volatile.Read(ref _changes), Gofer.Changes);
        if (Gofer.Listed.Take(HostId) is not { } listing)
        {
            if (Place is not { Parent: { _wasListed: true } parent } place
                || parent.CurrentListing() is not { } siblings)
                return null;
            int index = siblings.Find(place.Name.Bytes);
            if (index < 0 || Gofer.Listed.Read(parent, siblings.Entries[index..], HostId).Failed(out listing, out _))
                return null;
        }

        Keep(listing, changes, treeChanges);
        return listing;
    }

    /// <summary>
    /// Makes a listing this directory's, unless names or attributes changed since the counts were read.
    /// </summary>
    private void Keep(GoferListing listing, int changes, long treeChanges)
    {
        Volatile.Write(ref _listing, listing);
        // Either this thread sees the change, or whoever changed drops the listing or marks it.
        Interlocked.MemoryBarrier();
        if (Gofer.Changes != treeChanges)
            listing.MarkStale();
        if (Volatile.Read(ref _changes) != changes)
            DropListing(listing);
        else
            Gofer.Listings.Added(this, listing);
    }

    private GoferInode Known(in GoferEntry entry)
    {
        GoferInode inode = Gofer.Adopt(entry.Attributes, new Place(this, entry.Name));
        if (inode is GoferSymbolicLink link && entry.LinkTarget is { } target)
            link.Remember(target);
        return inode;
    }

    private Result<Inode> Ask(ReadOnlySpan<byte> name)
    {
        if (EnsureHandle().Failed(out uint handle, out Errno error))
            return error;
        Span<GoferAttributes> attributes = stackalloc GoferAttributes[1];
        Result<WalkOutcome> walk = Client.Walk(handle, name, WalkFlags.WantDirectoryHandle, attributes);
        if (walk.Error is Errno.ENFILE or Errno.EMFILE)
            walk = Client.Walk(handle, name, WalkFlags.None, attributes);
        if (walk.Failed(out WalkOutcome outcome, out error))
            return error;
        if (outcome.Count == 0)
            return outcome.StepError;
        GoferInode inode = Gofer.Adopt(attributes[0], new Place(this, new FileName(name)));
        inode.SetHandle(outcome.Handle);
        if (inode is GoferSymbolicLink link && outcome.LinkTarget is { } target)
            link.Remember(target);
        return inode;
    }

    private Result<Inode> Made(Errno error, ReadOnlySpan<byte> name, in GoferAttributes made)
    {
        if (error != Errno.Ok)
            return error;
        NamesChanged();
        return Gofer.Adopt(made, new Place(this, new FileName(name)));
    }

    private Errno Remove(ReadOnlySpan<byte> name, Inode child, bool isDirectory)
    {
        GoferInode? removed = child as GoferInode;
        removed?.PrepareForNameLoss(this, name);
        if (EnsureHandle().Failed(out uint handle, out Errno error))
            return error;
        error = Client.Unlink(handle, name, isDirectory);
        if (error != Errno.Ok)
            return error;
        removed?.LostName(this, name);
        NamesChanged();
        return Errno.Ok;
    }

    private Errno ReadAll(List<GoferEntry> found)
    {
        if (EnsureHandle().Failed(out uint handle, out Errno error))
            return error;
        long cookie = 0;
        bool isEnd = false;
        while (!isEnd)
        {
            // A listing too long to keep needs no attributes either.
            bool withAttributes = Gofer.IsSandboxOwned && found.Count <= ListingCache.EntriesPerListingMax;
            if (Client.ReadDirectory(handle, withAttributes, ref cookie, found).Failed(out isEnd, out error))
                return error;
        }

        return Errno.Ok;
    }

    private void AddAll(ReadOnlySpan<GoferEntry> found, List<DirectoryEntry> entries)
    {
        entries.EnsureCapacity(entries.Count + found.Length);
        foreach (ref readonly GoferEntry entry in found)
        {
            ulong device = entry.HasAttributes ? entry.Attributes.Device : HostId.Device;
            ulong inode = entry.HasAttributes ? entry.Attributes.Inode : entry.HostInode;
            entries.Add(new DirectoryEntry(entry.Name, Gofer.Numbers.Of(device, inode), entry.Type));
        }
    }
}
