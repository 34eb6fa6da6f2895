using Sandbox.Linux;
using Sandbox.Sentry.Loader;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Control;

/// <summary>
/// Copies what a directory holds into another ("tmpcopyup": a tmpfs starts with what it covers): directories, files,
/// symbolic links and special files with their owners, modes and times. What is mounted below is not copied.
/// </summary>
internal sealed class TreeCopy(BootCaller caller) : IDirectorySink
{
    private const int DepthMax = 64, PieceBytes = 64 << 10;
    private List<byte[]> _names = [];

    /// <summary>Copies; the first error ends it.</summary>
    public Errno Run(VfsPath from, VfsPath to) => CopyEntries(from, to, 0);

    public bool Add(ReadOnlySpan<byte> name, ulong inode, FileType type, long nextOffset)
    {
        if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
            _names.Add(name.ToArray());
        return true;
    }

    private Errno CopyEntries(VfsPath from, VfsPath to, int depth)
    {
        if (depth > DepthMax)
            return Errno.ELOOP;
        if (from.Inode.Open(from, OpenFlags.ReadOnly | OpenFlags.Directory, caller).Failed(
            out OpenFile? directory, out Errno error))
            return error;
        _names = [];
        error = directory.ReadDirectory(this);
        directory.Release();
        foreach (byte[] name in error == Errno.Ok ? _names : [])
        {
            error = CopyEntry(from, to, name, depth);
            if (error != Errno.Ok)
                return error;
        }

        return error;
    }

    private Errno CopyEntry(VfsPath from, VfsPath to, byte[] name, int depth)
    {
        if (PathWalk.Resolve(caller, from, name, follow: false).Failed(out VfsPath source, out Errno error))
            return error == Errno.ENOENT ? Errno.Ok : error;
        if (source.Mount != from.Mount)
            return Errno.Ok;
        Inode inode = source.Inode;
        if (inode.IsSymbolicLink)
        {
            if (inode.ReadLink(caller).Failed(out byte[]? target, out error))
                return error;
            error = CreateOperations.CreateSymbolicLink(caller, to, name, target);
        }
        else if (inode.IsDirectory)
        {
            error = CreateOperations.CreateDirectory(caller, to, name, inode.Mode & ModeBits.All);
        }
        else
        {
            error = CreateOperations.CreateNode(caller, to, name, inode.Mode, inode.RawDevice).Error;
        }

        if (error != Errno.Ok || PathWalk.Resolve(caller, to, name, follow: false).Failed(out VfsPath made, out error))
            return error;
        if (inode.IsDirectory)
            error = CopyEntries(source, made, depth + 1);
        else if (inode.IsRegular)
            error = CopyContent(source, made);
        if (error != Errno.Ok)
            return error;
        return made.Inode.SetAttributes(new AttributeChange
        {
            UserId = inode.UserId,
            GroupId = inode.GroupId,
            Mode = inode.IsSymbolicLink ? null : inode.Mode & ModeBits.All,
        });
    }

    private Errno CopyContent(VfsPath source, VfsPath target)
    {
        if (source.Inode.Open(source, OpenFlags.ReadOnly, caller).Failed(out OpenFile? input, out Errno error))
            return error;
        if (target.Inode.Open(target, OpenFlags.ReadWrite, caller).Failed(out OpenFile? output, out error))
        {
            input.Release();
            return error;
        }

        byte[] piece = new byte[PieceBytes];
        for (long offset = 0; !input.ReadAt(piece, offset).Failed(out int count, out error) && count > 0;
            offset += count)
        {
            if (output.WriteAt(piece.AsSpan(0, count), offset).Failed(out _, out error))
                break;
        }

        input.Release();
        output.Release();
        return error;
    }
}
