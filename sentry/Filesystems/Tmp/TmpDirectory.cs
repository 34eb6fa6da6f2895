using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Tmp;

/// <summary>A directory in memory.</summary>
internal class TmpDirectory : TmpInode
{
    // Guarded by Lock, so that a listing needs not the dentry's lock.
    private readonly DirectoryTable _table = new();
    private bool _isRemoved;

    public TmpDirectory(MemoryFileSystem fileSystem, in NewInode attributes)
        : base(fileSystem, attributes)
    {
        AddLink(); // ".": the name in the parent is the other one.
    }

    protected TmpDirectory(MemoryFileSystem fileSystem, Inode lower)
        : base(fileSystem, lower)
    {
    }

    /// <summary>Linux counts 20 bytes an entry on tmpfs.</summary>
    protected override long SizeBytes => 20 * (_table.Count + 2);

    public override Result<Inode> Lookup(ReadOnlySpan<byte> name) => FindOwn(name) is { } inode ? inode : Errno.ENOENT;

    public override Result<Inode> CreateFile(ReadOnlySpan<byte> name, in NewInode attributes) =>
        Create(name, new TmpFile(
            Memory, attributes with { Mode = (uint)FileType.Regular | (attributes.Mode & ModeBits.All) }));

    public override Result<Inode> CreateDirectory(ReadOnlySpan<byte> name, in NewInode attributes) =>
        Create(name, new TmpDirectory(
            Memory, attributes with { Mode = (uint)FileType.Directory | (attributes.Mode & ModeBits.All) }));

    public override Result<Inode> CreateSymbolicLink(
        ReadOnlySpan<byte> name, ReadOnlySpan<byte> target, in NewInode attributes) =>
        Create(name, new TmpSymbolicLink(Memory, target, attributes));

    public override Result<Inode> CreateNode(ReadOnlySpan<byte> name, ulong rawDevice, in NewInode attributes) =>
        ((FileType)attributes.Mode & FileType.Mask) switch
        {
            FileType.Regular or FileType.None => CreateFile(name, attributes),
            FileType.Directory or FileType.SymbolicLink => Errno.EINVAL,
            _ => Create(name, new TmpNode(Memory, rawDevice, attributes)),
        };

    public override Result<Inode> CreateTemporaryFile(in NewInode attributes)
    {
        if (!Memory.TryTakeInode())
            return Errno.ENOSPC;
        return new TmpFile(
            Memory, attributes with { Mode = (uint)FileType.Regular | (attributes.Mode & ModeBits.All) });
    }

    public override Errno Link(ReadOnlySpan<byte> name, Inode target)
    {
        if (target is not TmpInode inode || inode.IsDirectory)
            return Errno.EPERM;
        if (inode.BeginChange() is not Errno.Ok and Errno refused)
            return refused;
        if (inode.TryTakeLink() is not Errno.Ok and Errno full)
            return full;
        Errno error = Add(name, inode);
        if (error != Errno.Ok)
            inode.ReturnLink();
        return error;
    }

    public override Errno Unlink(ReadOnlySpan<byte> name, Inode child)
    {
        if (child is not TmpInode inode)
            return Errno.EIO;
        if (BeginChange() is not Errno.Ok and Errno refused)
            return refused;
        if (inode.BeginChange() is not Errno.Ok and Errno childRefused)
            return childRefused;
        RemoveEntry(name);
        inode.DropLink();
        return Errno.Ok;
    }

    public override Errno RemoveDirectory(ReadOnlySpan<byte> name, Inode child)
    {
        if (child is not TmpDirectory directory)
            return Errno.ENOTDIR;
        if (BeginChange() is not Errno.Ok and Errno refused)
            return refused;
        if (directory.Remove() is not Errno.Ok and Errno error)
            return error;
        RemoveEntry(name);
        DropLink(); // Its "..".
        return Errno.Ok;
    }

    public override Errno Rename(
        ReadOnlySpan<byte> name, Inode child, Inode newParent, ReadOnlySpan<byte> newName, Inode? replaced,
        bool exchange)
    {
        if (newParent is not TmpDirectory destination || child is not TmpInode moved
            || (replaced is not null and not TmpInode))
            return Errno.EXDEV;
        TmpInode? other = (TmpInode?)replaced;
        if (destination._isRemoved)
            return Errno.ENOENT;
        if (BeginChange() is not Errno.Ok and Errno source)
            return source;
        if (destination.BeginChange() is not Errno.Ok and Errno target)
            return target;
        if (moved.BeginChange() is not Errno.Ok and Errno entry)
            return entry;
        if (other is not null && other.BeginChange() is not Errno.Ok and Errno displaced)
            return displaced;

        if (exchange && other is not null)
        {
            destination.SetEntry(newName, moved, replaces: true);
            SetEntry(name, other, replaces: true);
            MoveParent(other, destination, this);
        }
        else
        {
            if (other is TmpDirectory empty && empty.Remove() is not Errno.Ok and Errno notEmpty)
                return notEmpty;
            destination.SetEntry(newName, moved, replaces: other is not null);
            RemoveEntry(name);
            if (other is TmpDirectory)
                destination.DropLink();
            else
                other?.DropLink();
        }

        MoveParent(moved, this, destination);
        return Errno.Ok;
    }

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller) =>
        new TmpDirectoryFile(this, path, flags, caller.Credentials);

    /// <summary>
    /// Nothing at or below this directory has a name any more, nor gets one. Not recursive: a guest decides how deep a
    /// tree is.
    /// </summary>
    public void ReleaseTree()
    {
        Stack<TmpDirectory> pending = new([this]);
        while (pending.TryPop(out TmpDirectory? directory))
        {
            directory._isRemoved = true;
            foreach (TmpInode child in directory.TakeAll())
            {
                if (child is TmpDirectory inner)
                    pending.Push(inner);
                else
                    child.DropLinks();
            }

            directory.DropLinks();
        }
    }

    /// <summary>The entry of this layer, or null.</summary>
    internal TmpInode? FindOwn(ReadOnlySpan<byte> name)
    {
        using (Lock.Enter())
            return _table.Find(name);
    }

    /// <summary>Lists entries of this layer from <paramref name="position"/> on until the sink is full.</summary>
    internal void ListOwn(IDirectorySink sink, ref long position)
    {
        long next = position;
        while (NextOwn(ref next, out ReadOnlySpan<byte> name, out TmpInode? inode))
        {
            if (!sink.Add(name, inode!.Number, inode.Type, next))
                return;
            position = next;
        }
    }

    /// <summary>Names in this layer.</summary>
    protected int OwnCount
    {
        get
        {
            using (Lock.Enter())
                return _table.Count;
        }
    }

    /// <summary>ENOTEMPTY unless nothing is visible in the directory.</summary>
    protected virtual Errno CheckEmpty() => OwnCount == 0 ? Errno.Ok : Errno.ENOTEMPTY;

    /// <summary>Makes a name name an inode; <paramref name="replaces"/> if the name was there.</summary>
    protected virtual void SetEntry(ReadOnlySpan<byte> name, TmpInode inode, bool replaces)
    {
        using (Lock.Enter())
        {
            _table.Set(name, inode);
            MarkModified();
        }
    }

    /// <summary>Makes a name disappear; false if this layer did not have it.</summary>
    protected virtual bool RemoveEntry(ReadOnlySpan<byte> name)
    {
        using (Lock.Enter())
        {
            MarkModified();
            return _table.Remove(name);
        }
    }

    private List<TmpInode> TakeAll()
    {
        using (Lock.Enter())
            return _table.TakeAll();
    }

    // The lock is not held while a sink looks at an entry: an overlay's sink takes locks of the same rank.
    private bool NextOwn(ref long position, out ReadOnlySpan<byte> name, out TmpInode? inode)
    {
        using (Lock.Enter())
            return _table.Next(ref position, out name, out inode);
    }

    private Result<Inode> Create(ReadOnlySpan<byte> name, TmpInode inode)
    {
        if (inode.TryTakeInode() is not Errno.Ok and Errno full)
            return full;
        if (Add(name, inode) is not Errno.Ok and Errno error)
        {
            inode.ReturnInode();
            return error;
        }

        if (inode.IsDirectory)
            AddLink(); // Its "..".
        return inode;
    }

    private Errno Add(ReadOnlySpan<byte> name, TmpInode inode)
    {
        if (_isRemoved)
            return Errno.ENOENT;
        if (BeginChange() is not Errno.Ok and Errno refused)
            return refused;
        if (FindOwn(name) is not null)
            return Errno.EEXIST;
        SetEntry(name, inode, replaces: false);
        inode.AddLink();
        return Errno.Ok;
    }

    // The directory loses its name and its "."; nothing can be made in it any more.
    private Errno Remove()
    {
        if (CheckEmpty() is not Errno.Ok and Errno error)
            return error;
        if (BeginChange() is not Errno.Ok and Errno refused)
            return refused;
        _isRemoved = true;
        DropLinks();
        return Errno.Ok;
    }

    private static void MoveParent(TmpInode moved, TmpDirectory from, TmpDirectory to)
    {
        moved.MarkChanged();
        if (!moved.IsDirectory || from == to)
            return;
        from.DropLink();
        to.AddLink();
    }
}
