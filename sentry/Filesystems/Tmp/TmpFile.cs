using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Tmp;

/// <summary>A regular file in memory; also what memfd_create(2) makes.</summary>
internal class TmpFile : TmpInode
{
    private const uint SealShrink = 2, SealGrow = 4, SealWrite = 8, SealFutureWrite = 16;
    private FileContent? _content; // Guarded by Lock. Null for an empty file.
    private volatile bool _isMappedWritable; // Once: what guests store through a mapping only the host sees.
    private uint _seals = 1; // F_SEAL_SEAL: only memfds made for it can be sealed. Guarded by Lock.

    public TmpFile(MemoryFileSystem fileSystem, in NewInode attributes)
        : base(fileSystem, attributes)
    {
    }

    /// <summary>The face of a file in an overlay's lower layer.</summary>
    protected TmpFile(MemoryFileSystem fileSystem, Inode lower)
        : base(fileSystem, lower)
    {
    }

    protected override long SizeBytes => _content?.Size ?? 0;

    protected override long Pages => _content?.Pages ?? 0;

    public override bool MayBeCopied => !_isMappedWritable;

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller) =>
        new TmpOpenFile(this, path, flags, caller.Credentials);

    /// <summary>Makes the bytes this file's own before they change; the overlay copies them up here.</summary>
    public virtual Errno BeginContentChange() => Errno.Ok;

    /// <summary>Reads at an offset. <paramref name="below"/> is the overlay's open file of the lower layer.</summary>
    public virtual Result<int> Read(OpenFile? below, Span<byte> destination, long offset)
    {
        FileContent? content = Volatile.Read(ref _content);
        if (content is null)
            return 0;
        if (content.TryReadWithoutLock(destination, offset, out Result<int> result))
            return result;
        using (Lock.Enter())
            return content.Read(destination, offset);
    }

    /// <summary>Writes at an offset, or at the end, which is then where <paramref name="offset"/> moves to.</summary>
    public Result<int> Write(ReadOnlySpan<byte> source, ref long offset, bool isAppend)
    {
        if (BeginContentChange() is not Errno.Ok and Errno refused)
            return refused;
        using (Lock.Enter())
        {
            if (isAppend)
                offset = SizeBytes;
            if ((_seals & (SealWrite | SealFutureWrite)) != 0)
                return Errno.EPERM;
            if ((_seals & SealGrow) != 0 && offset + source.Length > SizeBytes)
                return Errno.EPERM;
            Result<int> result = (_content ??= new FileContent(Memory)).Write(source, offset);
            if (result.Error == Errno.Ok)
                MarkModified();
            return result;
        }
    }

    /// <summary>fallocate(2). ENOSPC, EOPNOTSUPP, EPERM.</summary>
    public Errno Allocate(int mode, long offset, long length)
    {
        if (offset < 0 || length <= 0)
            return Errno.EINVAL;
        if (offset > long.MaxValue - length)
            return Errno.EFBIG;
        if (BeginContentChange() is not Errno.Ok and Errno refused)
            return refused;
        NotifyChange();
        using (Lock.Enter())
        {
            const int keepSize = 1, punchHole = 2;
            if ((mode & punchHole) != 0 && (_seals & (SealWrite | SealFutureWrite)) != 0)
                return Errno.EPERM;
            if ((mode & keepSize) == 0 && (_seals & SealGrow) != 0 && offset + length > SizeBytes)
                return Errno.EPERM;
            Errno result = (_content ??= new FileContent(Memory)).Allocate(mode, offset, length);
            MarkModified();
            return result;
        }
    }

    /// <summary>SEEK_DATA, SEEK_HOLE. ENXIO.</summary>
    public virtual Result<long> SeekExtent(OpenFile? below, long offset, SeekWhence whence)
    {
        using (Lock.Enter())
            return _content?.SeekExtent(offset, whence) ?? Errno.ENXIO;
    }

    /// <summary>The host descriptor to map the file with. EPERM if a seal forbids the mapping.</summary>
    public virtual Result<int> GetMappingFd(OpenFile? below, bool isShared, bool isWritable, bool isSharedWrite)
    {
        using (Lock.Enter())
        {
            if (isSharedWrite && (_seals & (SealWrite | SealFutureWrite)) != 0)
                return Errno.EPERM;
            if (isShared && isWritable)
            {
                _isMappedWritable = true;
                NotifyChange();
            }

            return (_content ??= new FileContent(Memory)).GetFd(isShared && isWritable);
        }
    }

    /// <summary>Lets the file be sealed (memfd_create(2), MFD_ALLOW_SEALING). Before anybody else sees it.</summary>
    public void AllowSealing() => _seals = 0;

    /// <summary>F_GET_SEALS.</summary>
    public uint GetSeals()
    {
        using (Lock.Enter())
            return _seals;
    }

    /// <summary>
    /// F_ADD_SEALS. EPERM if sealed against sealing, EBUSY if a writable mapping is in the way, EINVAL.
    /// </summary>
    public Errno AddSeals(uint seals)
    {
        const uint sealSeal = 1, all = 0x3F;
        if ((seals & ~all) != 0)
            return Errno.EINVAL;
        using (Lock.Enter())
        {
            if ((_seals & sealSeal) != 0)
                return Errno.EPERM;

            // The host's seals see the guests' mappings, which nothing here does.
            if ((_content ??= new FileContent(Memory)).GetFd(isWritable: true).Failed(out int fd, out Errno error))
                return error;
            if (HostMemoryFile.AddSeals(fd, seals & ~sealSeal) is not Errno.Ok and Errno refused)
                return refused;
            _seals |= seals;
            return Errno.Ok;
        }
    }

    protected override Errno SetSize(long size)
    {
        if (BeginTruncate(size) is not Errno.Ok and Errno refused)
            return refused;
        NotifyChange();
        using (Lock.Enter())
        {
            if (size < SizeBytes && (_seals & SealShrink) != 0)
                return Errno.EPERM;
            if (size > SizeBytes && (_seals & SealGrow) != 0)
                return Errno.EPERM;
            if (_content is null && size == 0)
            {
                MarkModified();
                return Errno.Ok;
            }

            Errno result = (_content ??= new FileContent(Memory)).SetSize(size);
            if (result == Errno.Ok)
                MarkModified();
            return result;
        }
    }

    /// <summary>
    /// As <see cref="BeginContentChange"/>, where only the first <paramref name="size"/> bytes will remain.
    /// </summary>
    protected virtual Errno BeginTruncate(long size) => Errno.Ok;

    /// <summary>Makes a content its own that was filled elsewhere. With <see cref="TmpInode.Lock"/> held.</summary>
    protected void AdoptContent(FileContent content) => Volatile.Write(ref _content, content);

    protected override void DropContent()
    {
        using (Lock.Enter())
        {
            _content?.Dispose();
            _content = null;
        }
    }
}
