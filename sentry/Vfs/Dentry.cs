using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// A name in a directory, cached: it names an inode, or remembers that there is nothing (a negative dentry). The tree of
/// dentries is one per filesystem; mounts show parts of it at places.
/// </summary>
internal sealed class Dentry
{
    private Dictionary<FileName, Dentry>? _children; // Guarded by Lock.

    /// <summary>A root.</summary>
    public Dentry(FileSystem fileSystem, Inode root)
    {
        (FileSystem, Inode, Name) = (fileSystem, root, new FileName("/"u8));
    }

    /// <summary>A child; <paramref name="inode"/> is null for a name that does not exist.</summary>
    public Dentry(Dentry parent, FileName name, Inode? inode)
    {
        (FileSystem, Parent, Name, Inode) = (parent.FileSystem, parent, name, inode);
    }

    public FileSystem FileSystem { get; }

    /// <summary>Null for a root. Changes by rename, under the filesystem's RenameLock and both directories' locks.</summary>
    public Dentry? Parent { get; set; }

    /// <summary>Changes by rename with <see cref="Parent"/>.</summary>
    public FileName Name { get; set; }

    /// <summary>Null for a negative dentry.</summary>
    public Inode? Inode { get; set; }

    /// <summary>The name was removed while somebody still holds the dentry (shows as " (deleted)").</summary>
    public bool IsRemoved { get; set; }

    /// <summary>How many mounts have this dentry as mount point; such a dentry is busy.</summary>
    public int MountCount;

    /// <summary>Guards the children, and the directory operations of <see cref="Inode"/>. Parents before children.</summary>
    public RankedLock Lock { get; } = new(LockRank.Directory);

    /// <summary>The cached child, positive or negative, or null. With <see cref="Lock"/> held.</summary>
    public Dentry? FindChild(ReadOnlySpan<byte> name) =>
        _children is not null && _children.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(name, out Dentry? child) ? child : null;

    /// <summary>Caches a child, replacing one of the same name. With <see cref="Lock"/> held.</summary>
    public void SetChild(Dentry child) => (_children ??= new(FileName.Comparer))[child.Name] = child;

    /// <summary>Forgets a child. With <see cref="Lock"/> held.</summary>
    public void RemoveChild(ReadOnlySpan<byte> name) => _children?.GetAlternateLookup<ReadOnlySpan<byte>>().Remove(name);

    /// <summary>The cached children. With <see cref="Lock"/> held.</summary>
    public IReadOnlyCollection<Dentry> Children => _children?.Values ?? (IReadOnlyCollection<Dentry>)[];
}

/// <summary>A place: a dentry as seen through a mount.</summary>
internal readonly record struct VfsPath(Mount Mount, Dentry Dentry)
{
    /// <summary>The inode of a positive dentry.</summary>
    public Inode Inode => Dentry.Inode!;

    /// <summary>False for <c>default</c>: files without a place (pipes, sockets, eventfds).</summary>
    public bool IsSome => Dentry is not null;
}
