using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.PosixQueues;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Mqueue;

/// <summary>
/// The one directory of an mqueue filesystem. Only queues can be made in it, and neither linked nor renamed.
/// </summary>
internal sealed class MqueueDirectory(MqueueFileSystem fileSystem, IpcNamespace ipc)
    : SyntheticInode(
        fileSystem, (uint)FileType.Directory | ModeBits.Sticky | ModeBits.Permissions, ipc.Owner.OwnerUserId,
        ipc.Owner.OwnerUserId),
        IListable
{
    private const int EmptyBytes = 40, EntryBytes = 20; // DIRENT_SIZE

    private readonly Lock _lock = new();
    private readonly Dictionary<FileName, MqueueInode> _queues = new(FileName.Comparer); // Guarded by _lock.

    /// <summary>mq_open(2) asks for names without a path walk, which would drop old ones from the cache.</summary>
    public override bool CachesMissingNames => false;

    protected override long SizeBytes
    {
        get
        {
            lock (_lock)
                return EmptyBytes + (EntryBytes * _queues.Count);
        }
    }

    protected override uint LinkCount => 2;

    public override Result<Inode> Lookup(ReadOnlySpan<byte> name)
    {
        lock (_lock)
        {
            bool isFound = _queues.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(name, out MqueueInode? queue);
            return isFound ? queue! : Errno.ENOENT;
        }
    }

    /// <summary>open(2) with O_CREAT: a queue with the default attributes.</summary>
    public override Result<Inode> CreateFile(ReadOnlySpan<byte> name, in NewInode attributes) =>
        CreateQueue(name, attributes, null);

    /// <summary>
    /// A new queue. ENOSPC, EINVAL for attributes that are not allowed, EMFILE beyond RLIMIT_MSGQUEUE.
    /// </summary>
    public Result<Inode> CreateQueue(ReadOnlySpan<byte> name, in NewInode attributes, QueueAttributes? wanted)
    {
        if (attributes.Creator is not Task creator)
            return Errno.EACCES;
        Result<QueueCharge> taken = QueueCharge.Take(creator, ipc.QueueLimits, wanted, out QueueAttributes chosen);
        if (taken.Failed(out QueueCharge? charge, out Errno error))
            return error;
        MqueueInode made = new(FileSystem, attributes, new PosixQueue(chosen, charge));
        lock (_lock)
            _queues[new FileName(name)] = made;
        StampAll();
        return made;
    }

    public override Errno Unlink(ReadOnlySpan<byte> name, Inode child)
    {
        lock (_lock)
            _queues.GetAlternateLookup<ReadOnlySpan<byte>>().Remove(name);
        StampAll();
        ((MqueueInode)child).DropName();
        return Errno.Ok;
    }

    public Errno List(ICaller caller, List<DirectoryEntry> entries)
    {
        lock (_lock)
        {
            foreach ((FileName name, MqueueInode queue) in _queues)
                entries.Add(new DirectoryEntry(name, queue.Number, queue.Type));
        }

        return Errno.Ok;
    }

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller) =>
        new DirectoryFile(this, path, flags, caller);
}
