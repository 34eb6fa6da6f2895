using Sandbox.Gofer.Protocol;
using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>One entry of a directory as the Gofer listed it.</summary>
/// <param name="HostInode">The inode number on the host.</param>
/// <param name="Type">None if the host did not say.</param>
/// <param name="HasAttributes">False: <paramref name="Attributes"/> is empty.</param>
/// <param name="LinkTarget">Of a symbolic link, if it came along.</param>
internal readonly record struct GoferEntry(
    FileName Name, ulong HostInode, FileType Type, bool HasAttributes, GoferAttributes Attributes, byte[]? LinkTarget)
{
    /// <summary>Reads one from a reply. Errors: EPROTO, and what is wrong with the name.</summary>
    public static Errno Read(ref MessageReader reply, out GoferEntry entry)
    {
        entry = default;
        if (reply.Read(out DirectoryEntryHeader header) is not Errno.Ok and Errno error)
            return error;
        if (reply.ReadName(out ReadOnlySpan<byte> name) is not Errno.Ok and Errno badName)
            return badName;
        bool hasAttributes = (header.Contents & DirectoryEntryContents.Attributes) != 0;
        GoferAttributes attributes = default;
        if (hasAttributes && reply.Read(out attributes) is not Errno.Ok and Errno truncated)
            return truncated;
        FileType type = hasAttributes ? attributes.Type : header.Type;
        byte[]? target = null;
        bool hasTarget = (header.Contents & DirectoryEntryContents.LinkTarget) != 0;
        if (hasTarget && ReadTarget(ref reply, attributes, out target) is not Errno.Ok and Errno badTarget)
            return badTarget;
        entry = new GoferEntry(new FileName(name[..^1]), header.Inode, type, hasAttributes, attributes, target);
        return Errno.Ok;
    }

    private static Errno ReadTarget(ref MessageReader reply, in GoferAttributes attributes, out byte[]? target)
    {
        target = null;
        if (attributes.Type != FileType.SymbolicLink || reply.ReadText(out ReadOnlySpan<byte> text) != Errno.Ok)
            return Errno.EPROTO;
        if (text.IsEmpty || text.Length - 1 > GoferLimits.ListedTargetBytesMax || text[..^1].Contains((byte)0))
            return Errno.EPROTO;
        target = text[..^1].ToArray();
        return Errno.Ok;
    }
}
