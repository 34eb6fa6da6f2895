using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Tmp;

/// <summary>A FIFO, socket or device node in memory: a name for something that lives elsewhere.</summary>
internal sealed class TmpNode(MemoryFileSystem fileSystem, ulong rawDevice, in NewInode attributes)
    : TmpInode(fileSystem, attributes)
{
    public override ulong RawDevice { get; } =
        ((FileType)attributes.Mode & FileType.Mask) is FileType.CharacterDevice or FileType.BlockDevice ? rawDevice : 0;

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller) =>
        SpecialFiles.Open(this, path, flags, caller);
}
