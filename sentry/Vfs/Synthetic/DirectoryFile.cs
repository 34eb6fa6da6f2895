using Sandbox.Linux;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// An open directory over a snapshot of its entries, taken at the first read and again after a rewind. Offsets are
/// indexes into the snapshot, so that removing entries while listing (rm -r) skips nothing.
/// </summary>
internal sealed class DirectoryFile : OpenFile
{
    private readonly RankedLock _lock = new(LockRank.Leaf);
    private readonly ICaller _opener;
    private readonly IListable _listable;
    private readonly Inode _inode;
    private List<DirectoryEntry>? _entries; // Guarded by _lock; replaced as a whole.
    private long _offset; // Guarded by _lock: 0 is ".", 1 is "..", then the entries.

    /// <param name="inode">An <see cref="IListable"/> directory.</param>
    /// <param name="path">Where it was opened.</param>
    /// <param name="flags">As open(2) got them.</param>
    /// <param name="caller">Who opened it; listings are made as it sees them.</param>
    public DirectoryFile(Inode inode, VfsPath path, OpenFlags flags, ICaller caller)
        : base(path, flags, caller.Credentials)
    {
        (_inode, _opener, _listable) = (inode, caller, (IListable)inode);
    }

    public override Inode Inode => _inode;

    public override bool IsSeekable => true;

    public override long Position => Volatile.Read(ref _offset);

    public override Result<int> Read(Span<byte> destination) => Errno.EISDIR;

    public override Result<int> ReadAt(Span<byte> destination, long offset) => Errno.EISDIR;

    public override Errno Synchronize(bool dataOnly) => _listable.Synchronize();

    public override Result<long> Seek(long offset, SeekWhence whence)
    {
        using (_lock.Enter())
        {
            long target = whence switch
            {
                SeekWhence.Set => offset,
                SeekWhence.Current => _offset + offset,
                _ => -1,
            };
            if (target < 0)
                return Errno.EINVAL;
            if (target == 0)
                _entries = null; // rewinddir(3) shows what is there now.
            _offset = target;
            return target;
        }
    }

    public override Errno ReadDirectory(IDirectorySink sink)
    {
        List<DirectoryEntry>? entries;
        long offset;
        using (_lock.Enter())
            (entries, offset) = (_entries, _offset);
        if (entries is null)
        {
            entries = [];
            if (_listable.List(_opener, entries) is not Errno.Ok and Errno error)
                return error;
        }

        long end = AddFrom(sink, entries, offset);
        using (_lock.Enter())
            (_entries, _offset) = (entries, end);
        return Errno.Ok;
    }

    private long AddFrom(IDirectorySink sink, List<DirectoryEntry> entries, long offset)
    {
        while (offset < entries.Count + 2)
        {
            bool added = offset switch
            {
                0 => sink.Add("."u8, Inode.Number, FileType.Directory, 1),
                1 => sink.Add(".."u8, ParentNumber(), FileType.Directory, 2),
                _ => sink.Add(
                    entries[(int)offset - 2].Name.Bytes, entries[(int)offset - 2].Inode, entries[(int)offset - 2].Type,
                    offset + 1),
            };
            if (!added)
                break;
            offset++;
        }

        return offset;
    }

    private ulong ParentNumber() => (Path.IsSome ? Path.Dentry.Parent?.Inode : null)?.Number ?? Inode.Number;
}
