using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Tmp;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Overlay;

/// <summary>
/// A symbolic link, FIFO, socket or device node of the lower layer: only its name and attributes come from there.
/// </summary>
internal sealed class OverlaySpecial : TmpInode, IOverlayFace
{
    private readonly OverlayFileSystem _fileSystem;
    private readonly Inode _lower;
    private volatile bool _isOwn;
    private long _lowerSize;

    public OverlaySpecial(OverlayFileSystem fileSystem, Inode lower)
        : base(fileSystem, lower)
    {
        (_fileSystem, _lower) = (fileSystem, lower);
    }

    public override ulong RawDevice => _lower.RawDevice;

    protected override long SizeBytes => _lowerSize;

    public override bool Revalidate() => _isOwn || _lower.Revalidate();

    bool IOverlayFace.IsOwn => _isOwn;

    public override Errno BeginChange() => _fileSystem.BeginChange(this, _lower);

    void IOverlayFace.BecomeOwn(in Stat stat)
    {
        _lowerSize = stat.SizeBytes;
        _isOwn = true;
    }

    public override Errno GetAttributes(ref Stat stat) =>
        _isOwn ? base.GetAttributes(ref stat) : LowerAttributes.Get(this, _lower, ref stat);

    public override Result<byte[]> ReadLink(ICaller caller) => _lower.ReadLink(caller);

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller) =>
        IsSymbolicLink ? Errno.ELOOP : SpecialFiles.Open(this, path, flags, caller);

    public override Result<byte[]> GetExtendedAttribute(ReadOnlySpan<byte> name) =>
        _isOwn ? base.GetExtendedAttribute(name) : _lower.GetExtendedAttribute(name);

    public override Result<byte[]> ListExtendedAttributes() =>
        _isOwn ? base.ListExtendedAttributes() : _lower.ListExtendedAttributes();

    protected override void DropContent() => _fileSystem.Forget(_lower, this);
}
