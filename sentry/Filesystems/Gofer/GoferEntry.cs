using Sandbox.Gofer.Protocol;
using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>One entry of a directory as the Gofer listed it.</summary>
/// <param name="HostInode">The inode number on the host.</param>
/// <param name="Type">None if the host did not say.</param>
/// <param name="HasAttributes">False: <paramref name="Attributes"/> is empty.</param>
internal readonly record struct GoferEntry(
    FileName Name, ulong HostInode, FileType Type, bool HasAttributes, GoferAttributes Attributes)
{
    /// <summary>Reads one from a reply. Errors: EPROTO, and what is wrong with the name.</summary>
    public static Errno Read(ref MessageReader reply, out GoferEntry entry)
    {
        entry = default;
        if (reply.Read(out DirectoryEntryHeader header) is not Errno.Ok and Errno error)
            return error;
        if (reply.ReadName(out ReadOnlySpan<byte> name) is not Errno.Ok and Errno badName)
            return badName;
        GoferAttributes attributes = default;
        if (header.HasAttributes != 0 && reply.Read(out attributes) is not Errno.Ok and Errno truncated)
            return truncated;
        FileType type = header.HasAttributes != 0 ? attributes.Type : header.Type;
        entry = new GoferEntry(new FileName(name[..^1]), header.Inode, type, header.HasAttributes != 0, attributes);
        return Errno.Ok;
    }
}
