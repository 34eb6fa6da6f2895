using Sandbox.Linux;

namespace Sandbox.Sentry.Vfs;

/// <summary>An entry of a directory listing.</summary>
internal readonly record struct DirectoryEntry(FileName Name, ulong Inode, FileType Type);

/// <summary>A directory that can list itself as a whole, for <see cref="DirectoryFile"/>.</summary>
internal interface IListable
{
    /// <summary>
    /// Appends all entries except "." and "..", as <paramref name="caller"/> (who opened the directory) sees them.
    /// </summary>
    Errno List(ICaller caller, List<DirectoryEntry> entries);

    /// <summary>fsync(2) of the directory: its names are on stable storage.</summary>
    Errno Synchronize() => Errno.Ok;
}

/// <summary>
/// A directory that the Sentry itself fills. Derived classes look names up (<see cref="Inode.Lookup"/>) and list them;
/// the guest can neither create nor remove anything in it.
/// </summary>
internal abstract class SyntheticDirectory : SyntheticInode, IListable
{
    protected SyntheticDirectory(
        FileSystem fileSystem, uint permissions = Modes.O555, uint userId = 0, uint groupId = 0)
        : base(fileSystem, (uint)FileType.Directory | permissions, userId, groupId)
    {
    }

    protected override uint LinkCount => 2;

    public abstract override Result<Inode> Lookup(ReadOnlySpan<byte> name);

    public abstract Errno List(ICaller caller, List<DirectoryEntry> entries);

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller) =>
        new DirectoryFile(this, path, flags, caller);
}

/// <summary>
/// A directory whose entries are set up by the Sentry and live as long as it: /proc/sys, /sys. Entries may be added and
/// removed at any time; a listing that is going on keeps the entries it began with.
/// </summary>
internal class StaticDirectory : SyntheticDirectory
{
    private readonly Lock _lock = new();
    private readonly Dictionary<FileName, Inode> _entries = new(FileName.Comparer); // Guarded by _lock.

    public StaticDirectory(FileSystem fileSystem, uint permissions = Modes.O555)
        : base(fileSystem, permissions)
    {
    }

    /// <summary>Entries may come later, so a name that is missing now is not remembered as missing.</summary>
    public override bool CachesMissingNames => false;

    protected override uint LinkCount
    {
        get
        {
            uint count = 2;
            lock (_lock)
            {
                foreach (Inode entry in _entries.Values)
                    count += entry.IsDirectory ? 1u : 0;
            }

            return count;
        }
    }

    /// <summary>Adds an entry, replacing one of the same name, and gives this directory, for chains.</summary>
    public StaticDirectory Add(FileName name, Inode inode)
    {
        lock (_lock)
            _entries[name] = inode;
        Touch();
        return this;
    }

    /// <summary>Takes an entry out.</summary>
    public bool Remove(ReadOnlySpan<byte> name)
    {
        lock (_lock)
            return _entries.GetAlternateLookup<ReadOnlySpan<byte>>().Remove(name);
    }

    /// <summary>The subdirectory of that name, made if it is not there.</summary>
    public StaticDirectory AddDirectory(FileName name, uint permissions = Modes.O555)
    {
        lock (_lock)
        {
            if (_entries.TryGetValue(name, out Inode? found) && found is StaticDirectory directory)
                return directory;
            StaticDirectory made = new(FileSystem, permissions);
            _entries[name] = made;
            return made;
        }
    }

    public override Result<Inode> Lookup(ReadOnlySpan<byte> name)
    {
        lock (_lock)
        {
            return _entries.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(name, out Inode? found)
                ? found
                : Errno.ENOENT;
        }
    }

    public override Errno List(ICaller caller, List<DirectoryEntry> entries)
    {
        lock (_lock)
        {
            foreach ((FileName name, Inode inode) in _entries)
                entries.Add(new DirectoryEntry(name, inode.Number, inode.Type));
        }

        return Errno.Ok;
    }
}
