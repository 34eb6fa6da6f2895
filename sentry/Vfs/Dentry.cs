using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// A name in a directory, cached: it names an inode, or remembers that there is nothing (a negative dentry). The tree
/// of dentries is one per filesystem; mounts show parts of it at places.
/// </summary>
/// <remarks>
/// A dentry leaves the cache by removal of its name, by <see cref="DentryCache.Prune"/>, or because it turned out stale
/// (<see cref="IsDropped"/>). Pins keep it from being pruned:
/// two dentries for one directory would remember different children.
/// </remarks>
internal sealed class Dentry
{
    private Dictionary<FileName, Dentry>? _children; // Guarded by Lock.
    private RankedLock? _lock; // Made at first use: most dentries are files, and never need one.
    private int _pins = 1; // One of them for being in the cache.
    private volatile bool _isDropped;
    private volatile bool _isRemoved;

    /// <summary>A root.</summary>
    public Dentry(FileSystem fileSystem, Inode root)
    {
        (FileSystem, Inode, Name) = (fileSystem, root, new FileName("/"u8));
        root.AddUse();
    }

    /// <summary>A child; <paramref name="inode"/> is null for a name that does not exist.</summary>
    public Dentry(Dentry parent, FileName name, Inode? inode)
    {
        (FileSystem, Parent, Name, Inode) = (parent.FileSystem, parent, name, inode);
        inode?.AddUse();
    }

    public FileSystem FileSystem { get; }

    /// <summary>
    /// Null for a root. Changes by rename, under the filesystem's RenameLock and both directories' locks.
    /// </summary>
    public Dentry? Parent { get; set; }

    /// <summary>Changes by rename with <see cref="Parent"/>.</summary>
    public FileName Name { get; set; }

    /// <summary>Null for a negative dentry. Never changes: a name that comes to life gets a new dentry.</summary>
    public Inode? Inode { get; }

    /// <summary>The name was removed while somebody still holds the dentry (shows as " (deleted)").</summary>
    public bool IsRemoved
    {
        get => _isRemoved;
        set => _isRemoved = value;
    }

    /// <summary>An O_TMPFILE that linkat(2) may give its first name.</summary>
    public bool MayBeLinked { get; set; }

    /// <summary>Out of the cache without having been removed: who walked here must walk again.</summary>
    public bool IsDropped => _isDropped;

    /// <summary>How many mounts have this dentry as mount point; such a dentry is busy.</summary>
    public int MountCount;

    /// <summary>The cache's clock when the walk last came by.</summary>
    internal int LastUsed;

    /// <summary>
    /// Guards the children, and the directory operations of <see cref="Inode"/>. Parents before children.
    /// </summary>
    public RankedLock Lock => _lock ?? MakeLock();

    /// <summary>True if an open file, a working directory, a mount or a watch needs this very dentry.</summary>
    public bool IsPinned => Volatile.Read(ref _pins) > 1 || MountCount != 0;

    /// <summary>The cached child, positive or negative, or null. With <see cref="Lock"/> held.</summary>
    public Dentry? FindChild(ReadOnlySpan<byte> name) =>
        _children is not null && _children.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(name, out Dentry? child)
            ? child
            : null;

    /// <summary>Caches a child, replacing one of the same name. With <see cref="Lock"/> held.</summary>
    public void SetChild(Dentry child)
    {
        _children ??= new(FileName.Comparer);
        if (_children.Remove(child.Name, out Dentry? old) && old != child)
            old.Drop();
        else
            DentryCache.CountAdded(FileSystem);
        _children.Add(child.Name, child);
    }

    /// <summary>
    /// Forgets a child: its name is gone, or the next walk shall look it up again. With <see cref="Lock"/> held.
    /// </summary>
    public void RemoveChild(ReadOnlySpan<byte> name)
    {
        if (TakeChild(name) is { } child)
            child.Drop();
    }

    /// <summary>Takes a child out to put it elsewhere (rename). With <see cref="Lock"/> held.</summary>
    public Dentry? TakeChild(ReadOnlySpan<byte> name)
    {
        if (_children is null
            || !_children.GetAlternateLookup<ReadOnlySpan<byte>>().Remove(name, out _, out Dentry? child))
            return null;
        DentryCache.CountRemoved(FileSystem);
        if (_children.Count == 0)
            _children = null;
        return child;
    }

    /// <summary>The cached children. With <see cref="Lock"/> held.</summary>
    public IReadOnlyCollection<Dentry> Children => _children?.Values ?? (IReadOnlyCollection<Dentry>)[];

    /// <summary>True if a child is cached. With <see cref="Lock"/> held.</summary>
    public bool HasChildren => _children is not null;

    /// <summary>Keeps the dentry, and with it the inode, from being pruned until <see cref="Unpin"/>.</summary>
    /// <remarks>The filesystem stays, too: what it holds is given back after the last pin.</remarks>
    public void Pin()
    {
        FileSystem.AddUser();
        if (Interlocked.Increment(ref _pins) == 1)
            Inode?.AddUse(); // It was dropped while a walk still held it.
    }

    /// <summary>Takes back a <see cref="Pin"/>. Without locks but those of mounts.</summary>
    public void Unpin()
    {
        RemovePin();
        FileSystem.DropUser();
    }

    /// <summary>Takes back the pin that a new dentry has for the cache, or for who made it.</summary>
    internal void RemovePin()
    {
        if (Interlocked.Decrement(ref _pins) == 0)
            Inode?.DropUse();
    }

    // Takes this dentry and what is cached below it out of the cache, except what is pinned.
    // The parent's lock is held.
    private void Drop()
    {
        if (Leave() && _children is not null)
            DropChildren();
    }

    /// <summary>
    /// Takes what is cached below out of the cache, except what is pinned. Not recursive: a guest decides how deep a
    /// tree is.
    /// </summary>
    internal void DropChildren()
    {
        Stack<Dentry> pending = new();
        pending.Push(this);
        while (pending.TryPop(out Dentry? directory))
        {
            using (directory.Lock.EnterNested())
            {
                Dictionary<FileName, Dentry>? children = directory._children;
                directory._children = null;
                foreach (Dentry child in children?.Values ?? (IReadOnlyCollection<Dentry>)[])
                {
                    DentryCache.CountRemoved(FileSystem);
                    if (!child.IsPinned && child.Leave() && child._children is not null)
                        pending.Push(child);
                }
            }
        }
    }

    private bool Leave()
    {
        if (_isDropped)
            return false;
        _isDropped = true;
        RemovePin();
        return true;
    }

    private RankedLock MakeLock()
    {
        RankedLock made = new(LockRank.Directory);
        return Interlocked.CompareExchange(ref _lock, made, null) ?? made;
    }
}

/// <summary>A place: a dentry as seen through a mount.</summary>
internal readonly record struct VfsPath(Mount Mount, Dentry Dentry)
{
    /// <summary>The inode of a positive dentry.</summary>
    public Inode Inode => Dentry.Inode!;

    /// <summary>False for <c>default</c>: files without a place (pipes, sockets, eventfds).</summary>
    public bool IsSome => Dentry is not null;

    /// <summary>Keeps the place for longer than a call, and its mount busy, until <see cref="LetGo"/>.</summary>
    public void Hold()
    {
        if (!IsSome)
            return;
        Dentry.Pin();
        Interlocked.Increment(ref Mount.Users);
    }

    /// <summary>Takes back a <see cref="Hold"/>. Without locks but those of mounts.</summary>
    public void LetGo()
    {
        if (!IsSome)
            return;
        Interlocked.Decrement(ref Mount.Users);
        Dentry.Unpin();
    }
}
