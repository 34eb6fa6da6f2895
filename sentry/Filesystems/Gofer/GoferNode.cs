using Sandbox.Gofer.Protocol;
using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>
/// A FIFO, socket or device node of the host: a name only. What is behind it is the Sentry's own (a pipe,
/// a device it emulates).
/// </summary>
internal sealed class GoferNode(GoferFileSystem fileSystem, in GoferAttributes attributes, Place? place)
    : GoferInode(fileSystem, attributes, place)
{
    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller) =>
        SpecialFiles.Open(this, path, flags, caller);
}
