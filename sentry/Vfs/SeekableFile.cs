using Sandbox.Linux;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// An open file with a position. Reads and writes at the position are serialised, as Linux serialises them, because
/// processes that inherited one open file rely on not overwriting each other.
/// </summary>
internal abstract class SeekableFile(VfsPath path, OpenFlags flags, Credentials credentials) : OpenFile(
    path, flags, credentials)
{
    private readonly RankedLock _positionLock = new(LockRank.Position);
    private long _position; // Guarded by _positionLock; but while it has an owner, that may have a newer one.
    private PositionOwner? _owner; // Guarded by _positionLock for writing.
    private long _lastRead = long.MaxValue;

    public override bool IsSeekable => true;

    /// <summary>The position, for /proc/PID/fdinfo.</summary>
    public override long Position
    {
        get
        {
            using (_positionLock.Enter())
            {
                TakePosition();
                return _position;
            }
        }
    }

    /// <summary>Who has had the position last beside the file itself. Set with the position locked.</summary>
    public PositionOwner? PositionOwner
    {
        get => Volatile.Read(ref _owner);
        set => Volatile.Write(ref _owner, value);
    }

    /// <summary>Locks the position, which is the file's own then, until what this gives is disposed.</summary>
    public RankedLock.Scope LockPosition(out long position)
    {
        RankedLock.Scope scope = _positionLock.Enter();
        TakePosition();
        position = _position;
        return scope;
    }

    /// <summary>
    /// Remembers where a reader was last, for who reads ahead: a hint, without a lock. Gives the offset before.
    /// </summary>
    public long ExchangeLastRead(long offset) => Interlocked.Exchange(ref _lastRead, offset);

    /// <summary>The position as it was last seen, without a lock: a hint.</summary>
    public long PositionHint => Volatile.Read(ref _position);

    public override void BeforeRemoval() => PositionOwner?.End();

    public sealed override Result<int> Read(Span<byte> destination)
    {
        using (_positionLock.Enter())
        {
            TakePosition();
            Result<int> result = ReadAt(destination, _position);
            if (!result.Failed(out int count, out _))
                _position += count;
            return result;
        }
    }

    public sealed override Result<int> Write(ReadOnlySpan<byte> source)
    {
        using (_positionLock.Enter())
        {
            TakePosition();
            Inode.NotifyChange();
            long offset = _position;
            Result<int> result = WriteAt(source, ref offset, IsAppending);
            if (!result.Failed(out int count, out _))
                _position = offset + count;
            return result;
        }
    }

    public sealed override Result<int> WriteAt(ReadOnlySpan<byte> source, long offset)
    {
        if (offset < 0)
            return Errno.EINVAL;
        Inode.NotifyChange();
        return WriteAt(source, ref offset, IsAppending);
    }

    public override Result<long> Seek(long offset, SeekWhence whence)
    {
        using (_positionLock.Enter())
        {
            TakePosition();
            long target;
            Errno error;
            switch (whence)
            {
                case SeekWhence.Set:
                    target = offset;
                    break;
                case SeekWhence.Current:
                    target = unchecked(_position + offset);
                    break;
                case SeekWhence.End:
                    if (GetSize().Failed(out long size, out error))
                        return error;
                    target = unchecked(size + offset);
                    break;
                case SeekWhence.Data or SeekWhence.Hole:
                    if (SeekExtent(offset, whence).Failed(out target, out error))
                        return error;
                    break;
                default:
                    return Errno.EINVAL;
            }

            if (target < 0)
                return Errno.EINVAL;
            return _position = target;
        }
    }

    /// <summary>
    /// Writes at an offset, or at the end of file, which is then where <paramref name="offset"/> moves to. That the
    /// file is about to change has been told.
    /// </summary>
    protected abstract Result<int> WriteAt(ReadOnlySpan<byte> source, ref long offset, bool isAppend);

    /// <summary>The size now, bytes.</summary>
    protected abstract Result<long> GetSize();

    /// <summary>SEEK_DATA and SEEK_HOLE; the default knows no holes (lseek(2)). ENXIO behind the end.</summary>
    protected virtual Result<long> SeekExtent(long offset, SeekWhence whence)
    {
        if (GetSize().Failed(out long size, out Errno error))
            return error;
        if (offset < 0 || offset >= size)
            return Errno.ENXIO;
        return whence == SeekWhence.Data ? offset : size;
    }

    private void TakePosition()
    {
        if (_owner is { } owner && owner.TryTake(out long position))
            _position = position;
    }

    private bool IsAppending => (Flags & OpenFlags.Append) != 0;
}
