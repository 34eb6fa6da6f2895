using System.Buffers;
using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Tmp;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Overlay;

/// <summary>
/// A regular file of the lower layer. A change of attributes copies those up, the first write copies the bytes up; open
/// files follow, only mappings made before go on showing the lower file.
/// </summary>
internal sealed class OverlayFile : TmpFile, IOverlayFace
{
    private const int ChunkBytes = 256 * 1024;
    private readonly OverlayFileSystem _fileSystem;
    private readonly Inode _lower;
    private volatile bool _isOwn;
    private volatile bool _hasOwnBytes;
    private long _lowerSize; // Of the lower file, once attributes were copied up.
    private long _lowerPages;

    public OverlayFile(OverlayFileSystem fileSystem, Inode lower)
        : base(fileSystem, lower)
    {
        (_fileSystem, _lower) = (fileSystem, lower);
    }

    protected override long SizeBytes => _hasOwnBytes ? base.SizeBytes : _lowerSize;

    protected override long Pages => _hasOwnBytes ? base.Pages : _lowerPages;

    /// <summary>What is in the lower layer, or between the layers, is not worth the trouble.</summary>
    public override bool MayBeCopied => false;

    public override bool Revalidate()
    {
        if (_isOwn)
            return true;
        if (!_lower.Revalidate())
            return false;
        CopyOwner(_lower);
        return true;
    }

    bool IOverlayFace.IsOwn => _isOwn;

    public override Errno BeginChange() => _fileSystem.BeginChange(this, _lower);

    void IOverlayFace.BecomeOwn(in Stat stat)
    {
        (_lowerSize, _lowerPages) = (stat.SizeBytes, MemoryFileSystem.PagesOf(stat.Blocks * 512));
        _isOwn = true;
    }

    public override Errno BeginContentChange() => BeginTruncate(long.MaxValue);

    public override Errno GetAttributes(ref Stat stat) =>
        _isOwn ? base.GetAttributes(ref stat) : LowerAttributes.Get(this, _lower, ref stat);

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller)
    {
        OpenFile? below = null;
        if (!_hasOwnBytes && (flags & OpenFlags.AccessMode) != OpenFlags.WriteOnly
            && _lower.Open(default, OpenFlags.ReadOnly, _fileSystem.Caller).Failed(out below, out Errno error))
        {
            return error;
        }

        return new TmpOpenFile(this, path, flags, caller.Credentials, below);
    }

    public override Result<int> Read(OpenFile? below, Span<byte> destination, long offset)
    {
        if (_hasOwnBytes)
            return base.Read(null, destination, offset);
        return below is null ? Errno.EBADF : below.ReadAt(destination, offset);
    }

    public override Result<long> SeekExtent(OpenFile? below, long offset, SeekWhence whence)
    {
        if (_hasOwnBytes)
            return base.SeekExtent(null, offset, whence);
        return below is null ? Errno.EBADF : below.Seek(offset, whence);
    }

    public override Result<int> GetMappingFd(OpenFile? below, bool isShared, bool isWritable, bool isSharedWrite)
    {
        if (isWritable && BeginContentChange() is not Errno.Ok and Errno error)
            return error;
        if (_hasOwnBytes)
            return base.GetMappingFd(null, isShared, isWritable, isSharedWrite);
        return below is null ? Errno.EACCES : below.GetMappingFd(MapFlags.Private, MemoryProtection.Read);
    }

    public override Result<byte[]> GetExtendedAttribute(ReadOnlySpan<byte> name) =>
        _isOwn ? base.GetExtendedAttribute(name) : _lower.GetExtendedAttribute(name);

    public override Result<byte[]> ListExtendedAttributes() =>
        _isOwn ? base.ListExtendedAttributes() : _lower.ListExtendedAttributes();

    protected override Errno BeginTruncate(long size)
    {
        if (_hasOwnBytes)
            return Errno.Ok;
        if (BeginChange() is not Errno.Ok and Errno refused)
            return refused;
        using (_fileSystem.CopyUpLock(Number).Enter())
        {
            if (_hasOwnBytes)
                return Errno.Ok;
            long count = Math.Min(size, _lowerSize);
            if (count > 0 && CopyBytesUp(count) is not Errno.Ok and Errno error)
                return error;
            _hasOwnBytes = true;
            return Errno.Ok;
        }
    }

    protected override void DropContent()
    {
        base.DropContent();
        _fileSystem.Forget(_lower, this);
    }

    private Errno CopyBytesUp(long count)
    {
        if (_lower.Open(default, OpenFlags.ReadOnly, _fileSystem.Caller).Failed(out OpenFile? source, out Errno error))
            return error;
        FileContent content = new(_fileSystem);
        Errno result = Copy(source, content, count);
        source.Release();
        if (result != Errno.Ok)
        {
            content.Dispose();
            return result;
        }

        using (Lock.Enter())
            AdoptContent(content);
        return Errno.Ok;
    }

    // The content is nobody else's yet: no lock but the copy-up lock is held while the lower layer is read.
    private static Errno Copy(OpenFile source, FileContent content, long count)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(count, ChunkBytes));
        try
        {
            long done = 0;
            while (done < count)
            {
                Span<byte> chunk = buffer.AsSpan(0, (int)Math.Min(buffer.Length, count - done));
                if (source.ReadAt(chunk, done).Failed(out int got, out Errno error))
                    return error;
                if (got == 0)
                    break;

                // Holes stay holes.
                for (int written = 0; written < got && chunk[..got].ContainsAnyExcept((byte)0);)
                {
                    if (content.Write(chunk[written..got], done + written).Failed(out int stored, out error))
                        return error;
                    written += stored;
                }

                done += got;
            }

            return content.SetSize(done);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
