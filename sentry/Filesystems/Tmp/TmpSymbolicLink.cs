using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Tmp;

/// <summary>A symbolic link in memory (symlink(7)).</summary>
internal sealed class TmpSymbolicLink : TmpInode
{
    private readonly byte[] _target;

    public TmpSymbolicLink(MemoryFileSystem fileSystem, ReadOnlySpan<byte> target, in NewInode attributes)
        : base(fileSystem, attributes with { Mode = (uint)FileType.SymbolicLink | ModeBits.Permissions })
    {
        _target = target.ToArray();
    }

    protected override long SizeBytes => _target.Length;

    protected override int TextBytes => _target.Length;

    public override Result<byte[]> ReadLink(ICaller caller) => _target;

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller) => Errno.ELOOP;
}
