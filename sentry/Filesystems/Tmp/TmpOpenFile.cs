using Sandbox.Linux;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Tmp;

/// <summary>An open regular file in memory, or (with <c>below</c>) of an overlay.</summary>
internal sealed class TmpOpenFile : SeekableFile
{
    private readonly TmpFile _file;
    private readonly OpenFile? _below; // The lower layer's file, as long as there is one; released with this.

    public TmpOpenFile(TmpFile file, VfsPath path, OpenFlags flags, Credentials credentials, OpenFile? below = null)
        : base(path, flags, credentials)
    {
        (_file, _below) = (file, below);
        file.AddOpen();
    }

    public override Inode Inode => _file;

    public override string AnonymousName => "/memfd:" + MemoryFileName;

    /// <summary>What memfd_create(2) called it.</summary>
    public string MemoryFileName { get; init; } = "";

    /// <summary>F_GET_SEALS. EINVAL for a file that is not of memory.</summary>
    public override Result<int> GetSeals() => (int)_file.GetSeals();

    /// <summary>F_ADD_SEALS.</summary>
    public override Errno AddSeals(uint seals) => IsWritable ? _file.AddSeals(seals) : Errno.EPERM;

    public override Result<int> ReadAt(Span<byte> destination, long offset)
    {
        if (offset < 0)
            return Errno.EINVAL;
        Result<int> result = _file.Read(_below, destination, offset);
        if ((Flags & OpenFlags.NoAccessTime) == 0)
            _file.MarkAccessed(Path);
        return result;
    }

    public override Errno Synchronize(bool dataOnly) => Errno.Ok;

    public override Errno Allocate(int mode, long offset, long length) => _file.Allocate(mode, offset, length);

    public override Result<int> GetMappingFd(MapFlags flags, MemoryProtection protection)
    {
        bool isShared = (flags & MapFlags.TypeMask) != MapFlags.Private;
        return _file.GetMappingFd(
            _below, isShared, IsWritable && isShared, isShared && (protection & MemoryProtection.Write) != 0);
    }

    protected override Result<int> WriteAt(ReadOnlySpan<byte> source, ref long offset, bool isAppend) =>
        _file.Write(source, ref offset, isAppend);

    protected override Result<long> GetSize()
    {
        Stat stat = default;
        return _file.GetAttributes(ref stat) is not Errno.Ok and Errno error ? error : stat.SizeBytes;
    }

    protected override Result<long> SeekExtent(long offset, SeekWhence whence) =>
        _file.SeekExtent(_below, offset, whence);

    protected override void OnRelease()
    {
        _below?.Release();
        _file.DropOpen();
    }
}
