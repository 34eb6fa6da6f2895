using Sandbox.Linux;
using Sandbox.Sentry.Kernel.PosixQueues;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Mqueue;

/// <summary>
/// A message queue as a file. The queue goes with its name and its last open file, whichever is later.
/// </summary>
internal sealed class MqueueInode(FileSystem fileSystem, in NewInode attributes, PosixQueue queue)
    : SyntheticInode(
        fileSystem, (uint)FileType.Regular | (attributes.Mode & ModeBits.All), attributes.UserId, attributes.GroupId)
{
    /// <summary>FILENT_SIZE: room for the text of a queue.</summary>
    public const int FileBytes = 80;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    private bool _hasName = true; // Guarded by _lock, as _opens.
    private int _opens;

    public PosixQueue Queue { get; } = queue;

    protected override long SizeBytes => FileBytes;

    protected override uint LinkCount => Volatile.Read(ref _hasName) ? 1u : 0;

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller)
    {
        using (_lock.Enter())
        {
            // Found by a walk, and unlinked before it was open.
            if (!_hasName && _opens == 0)
                return Errno.ENOENT;
            _opens++;
        }

        return new MqueueFile(this, path, flags, caller);
    }

    /// <summary>The name is gone.</summary>
    public void DropName() => Drop(isName: true);

    /// <summary>An open file is gone.</summary>
    public void DropOpen() => Drop(isName: false);

    /// <summary>A message came or went.</summary>
    public void Stamp() => StampAll();

    private void Drop(bool isName)
    {
        bool isGone;
        using (_lock.Enter())
        {
            if (isName)
                _hasName = false;
            else
                _opens--;
            isGone = !_hasName && _opens == 0;
        }

        if (isGone)
            Queue.Release();
    }
}
