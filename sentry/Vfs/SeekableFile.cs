using Sandbox.Linux;
using Sandbox.Platform.Shortcuts;
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
    private long _position; // Guarded by _positionLock; but while there is a lease, the lease may have a newer one.
    private ReadLease? _lease; // Guarded by _positionLock for writing.
    private long _lastRead = long.MaxValue; // Where a task has read a little; a hint.

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

    /// <summary>
    /// Lets a thread read by itself, from an offset on, as much as there is room for. Nothing happens if the file cannot be
    /// leased. True if it can.
    /// </summary>
    /// <param name="room">The thread's room for this file.</param>
    /// <param name="start">Not negative; -1: the position.</param>
    /// <param name="credentials">Whose user namespace fstat(2) answers for.</param>
    public bool TryLease(IFileLease room, long start, Credentials credentials)
    {
        using (_positionLock.Enter())
        {
            TakePosition();
            if (_lease is not { IsOver: false } lease || lease.Room != room)
            {
                if (_lease is not null)
                    ReadLeases.End(_lease);
                lease = _lease = new ReadLease(Inode, room);
                ReadLeases.Add(lease);
            }
            if (TryFill(lease, start < 0 ? _position : start, credentials))
                return true;
            ReadLeases.End(lease);
            return false;
        }
    }

    /// <summary>Its last lease, which may be over.</summary>
    public ReadLease? Lease => Volatile.Read(ref _lease);

    /// <summary>
    /// Somebody has read a little by a call, at an offset or (-1) the position. True if another read close to it came before: then
    /// the next bytes, from <paramref name="start"/> on (-1: the position), may be worth a lease. A guess: no lock.
    /// </summary>
    public bool IsReadInPieces(long offset, long count, out long start)
    {
        const long near = 16 << 10, page = 4096;
        long from = offset >= 0 ? offset : Volatile.Read(ref _position) - count;
        start = offset >= 0 ? offset & -page : -1;
        long distance = from - Interlocked.Exchange(ref _lastRead, from);
        return distance is >= 0 and <= near;
    }

    public override void EndLease()
    {
        if (Volatile.Read(ref _lease) is { } lease)
            ReadLeases.End(lease);
    }

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

    private void TakePosition()
    {
        if (_lease is { } lease && lease.TryTakePosition(out long position))
            _position = position;
    }

    /// <summary>
    /// The bytes and attributes of one moment, or of moments between which nothing changed. The first read may itself change the
    /// access time, so there is a second try.
    /// </summary>
    private bool TryFill(ReadLease lease, long start, Credentials credentials)
    {
        for (int attempt = 0; attempt < 2; attempt++)
        {
            int version = lease.Version;
            if (!Inode.MayBeLeased || FileEvents.IsActive
                || StatOperations.GetStat(Inode, credentials, out Stat stat) is not Errno.Ok || start >= stat.SizeBytes)
            {
                return false;
            }
            Span<byte> bytes = lease.Room.Bytes;
            bytes = bytes[..(int)Math.Min(bytes.Length, stat.SizeBytes - start)];
            if (ReadAt(bytes, start).Failed(out int count, out _) || count != bytes.Length)
                return false;
            if (lease.TryPublish(version, _position, start, count, stat))
                return true;
        }
        return false;
    }

    private bool IsAppending => (Flags & OpenFlags.Append) != 0;
}
