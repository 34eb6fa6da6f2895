using Sandbox.Gofer.Protocol;
using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>A symbolic link of the host. The target of one inode never changes: who changes a link makes
/// a new one.</summary>
internal sealed class GoferSymbolicLink(GoferFileSystem fileSystem, in GoferAttributes attributes, Place? place)
    : GoferInode(fileSystem, attributes, place)
{
    private byte[]? _target;

    public override Result<byte[]> ReadLink(ICaller caller)
    {
        if (_target is { } known)
            return known;
        if (Locate(out uint handle, out FileName name) is not Errno.Ok and Errno error)
            return error;
        if (Client.ReadLink(handle, NameBytes(name)).Failed(out byte[]? target, out error))
            return error;
        return _target = target;
    }

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller) => Errno.ELOOP;

    protected override void ChangedOutside() => _target = null;

    /// <summary>The target came along with the walk, or the listing.</summary>
    internal void Remember(byte[] target) => _target = target;
}
