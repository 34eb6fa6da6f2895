using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Gofer;

/// <summary>Lists directories together with what lies below them, for clients that walk a tree.</summary>
internal static class TreeOperations
{
    /// <summary>Records of getdents64 that are read at once.</summary>
    private const int BatchBytes = 8192;

    /// <summary>Of one directory: more do not fit into a message.</summary>
    private const int SubdirectoriesMax = 512;

    /// <summary>
    /// Errors: EINVAL (counts), EBADF, ENOTDIR, the errors of names, and those of opening and listing the first.
    /// </summary>
    public static Errno ReadTree(ref Exchange exchange)
    {
        if (exchange.Request.Read(out ReadTreeRequest request) is not Errno.Ok and Errno error)
            return error;
        if (request.Count is 0 or > GoferLimits.ReadTreePathsMax || request.DirectoriesMax == 0)
            return Errno.EINVAL;
        if (exchange.Server.Handles.Borrow(request.Handle).Failed(out Handle? borrowed, out error))
            return error;
        using Handle start = borrowed;
        if (!start.IsDirectory)
            return Errno.ENOTDIR;
        int replyOffset = exchange.Reply.LengthBytes;
        exchange.Reply.Write(default(ReadTreeReply));
        Visit visit = new() { Most = request.DirectoriesMax };
        for (ushort i = 0; i < request.Count; i++)
        {
            if (exchange.Request.ReadPath(out ReadOnlySpan<byte> path) is not Errno.Ok and Errno badPath)
                return badPath;
            visit.Path = i;
            error = visit.IsOver ? Errno.Ok : List(ref exchange.Reply, ref visit, start.Fd, path, depth: 0);
            if (error != Errno.Ok && i == 0)
                return error;
        }

        exchange.Reply.WriteAt(replyOffset, new ReadTreeReply { Count = visit.Count, HasMore = visit.IsOver ? 1u : 0 });
        return exchange.Request.End();
    }

    /// <summary>How far a visit of a tree has come.</summary>
    private struct Visit
    {
        public uint Count;
        public uint Most;

        /// <summary>Index of the path it is below.</summary>
        public ushort Path;

        /// <summary>A directory did not fit.</summary>
        public bool IsFull;

        public readonly bool IsOver => IsFull || Count == Most;
    }

    /// <summary>
    /// One directory and what is below it. Recursion is bounded by <see cref="GoferLimits.ReadTreeDepthMax"/>.
    /// </summary>
    private static Errno List(
        ref MessageWriter reply, ref Visit visit, int parent, scoped ReadOnlySpan<byte> pathWithNul, ushort depth)
    {
        if (Confined.OpenDirectory(parent, pathWithNul).Failed(out int directory, out Errno error))
            return error;
        int start = reply.LengthBytes;
        TreeDirectoryHeader header = new() { Path = visit.Path, Depth = depth };
        error = WriteDirectory(ref reply, directory, header, pathWithNul[(pathWithNul.LastIndexOf((byte)'/') + 1)..^1]);
        visit.IsFull = reply.HasOverflowed;
        if (error != Errno.Ok || visit.IsFull)
        {
            reply.Rewind(start);
        }
        else
        {
            visit.Count++;
            if (depth < GoferLimits.ReadTreeDepthMax)
                ListBelow(ref reply, ref visit, directory, start, (ushort)(depth + 1));
        }

        HostFile.Close(directory);
        return error;
    }

    /// <summary>Overflows the reply if the entries do not fit.</summary>
    private static Errno WriteDirectory(
        ref MessageWriter reply, int directory, TreeDirectoryHeader header, scoped ReadOnlySpan<byte> name)
    {
        if (Confined.Attributes(directory, out GoferAttributes attributes) is not Errno.Ok and Errno error)
            return error;
        int offset = reply.LengthBytes;
        (header.Device, header.Inode) = (attributes.Device, attributes.Inode);
        reply.Write(header);
        reply.WriteText(name);
        Span<byte> records = stackalloc byte[BatchBytes];
        long cookie = 0;
        while (!reply.HasOverflowed)
        {
            if (HostDirectory.ReadEntries(directory, records).Failed(out int length, out error))
                return error;
            if (length == 0)
            {
                reply.WriteAt(offset, header);
                break;
            }

            if (ReadOperations.EntriesBytes(records[..length], isMost: false) > reply.FreeBytes)
            {
                reply.Overflow(); // Before all these attributes are asked for in vain.
                break;
            }

            header.Count += ReadOperations.WriteEntries(
                ref reply, directory, records[..length], withAttributes: true, ref cookie);
        }

        return Errno.Ok;
    }

    /// <summary>
    /// The subdirectories of the directory whose record stands at <paramref name="start"/>,
    /// which is the last one written.
    /// </summary>
    private static void ListBelow(ref MessageWriter reply, ref Visit visit, int directory, int start, ushort depth)
    {
        Span<int> offsets = stackalloc int[SubdirectoriesMax];
        ReadOnlySpan<byte> record = reply.Written(start);
        int count = FindSubdirectories(record, offsets);
        for (int i = 0; i < count && !visit.IsOver; i++)
            List(ref reply, ref visit, directory, NameAt(record, offsets[i]), depth); // What fails is left out.
    }

    /// <summary>
    /// Offsets of the names of subdirectories in a directory's record, in the order of the names; how many.
    /// </summary>
    private static int FindSubdirectories(ReadOnlySpan<byte> record, Span<int> offsets)
    {
        int count = 0;
        int offset = Unsafe.SizeOf<TreeDirectoryHeader>();
        offset += sizeof(ushort) + NameAt(record, offset).Length; // The directory's own name.
        while (offset < record.Length && count < offsets.Length)
        {
            DirectoryEntryHeader header = MemoryMarshal.Read<DirectoryEntryHeader>(record[offset..]);
            int name = offset + Unsafe.SizeOf<DirectoryEntryHeader>();
            offset = name + sizeof(ushort) + NameAt(record, name).Length;
            if ((header.Contents & DirectoryEntryContents.Attributes) == 0)
                continue;
            if (MemoryMarshal.Read<GoferAttributes>(record[offset..]).Type == FileType.Directory)
                Insert(record, offsets, count++, name);
            offset += Unsafe.SizeOf<GoferAttributes>();
            if ((header.Contents & DirectoryEntryContents.LinkTarget) != 0)
                offset += sizeof(ushort) + NameAt(record, offset).Length;
        }

        return count;
    }

    private static void Insert(ReadOnlySpan<byte> record, Span<int> offsets, int count, int name)
    {
        int at = count;
        for (; at > 0 && NameAt(record, offsets[at - 1]).SequenceCompareTo(NameAt(record, name)) > 0; at--)
            offsets[at] = offsets[at - 1];
        offsets[at] = name;
    }

    /// <summary>A name (or a target) we wrote as text, with its NUL.</summary>
    private static ReadOnlySpan<byte> NameAt(ReadOnlySpan<byte> record, int offset) =>
        record.Slice(offset + sizeof(ushort), MemoryMarshal.Read<ushort>(record[offset..]) + 1);
}
