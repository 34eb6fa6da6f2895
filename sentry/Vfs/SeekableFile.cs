using Sandbox.Linux;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// An open file with a position. Reads and writes at the position are serialised, as Linux serialises them, because processes
/// that inherited one open file rely on not overwriting each other.
/// </summary>
internal abstract class SeekableFile(VfsPath path, OpenFlags flags, Credentials credentials) : OpenFile(path, flags, credentials)
{
    private readonly RankedLock _positionLock = new(LockRank.Position);
    private long _position; // Guarded by _positionLock.

    public override bool IsSeekable => true;

    /// <summary>The position, for /proc/PID/fdinfo.</summary>
    public override long Position => Volatile.Read(ref _position);

    public sealed override Result<int> Read(Span<byte> destination)
    {
        using (_positionLock.Enter())
        {
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
            long offset = _position;
            Result<int> result = WriteAt(source, ref offset, IsAppending);
            if (!result.Failed(out int count, out _))
                _position = offset + count;
            return result;
        }
    }

    public sealed override Result<int> WriteAt(ReadOnlySpan<byte> source, long offset) =>
        offset < 0 ? Errno.EINVAL : WriteAt(source, ref offset, IsAppending);

    public override Result<long> Seek(long offset, SeekWhence whence)
    {
        using (_positionLock.Enter())
        {
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

    /// <summary>Writes at an offset, or at the end of file, which is then where <paramref name="offset"/> moves to.</summary>
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

    private bool IsAppending => (Flags & OpenFlags.Append) != 0;
}
