using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Gofer;

/// <summary>
/// Reading links, directories and file system figures; and fsync, for what has no donated descriptor.
/// </summary>
internal static class ReadOperations
{
    /// <summary>
    /// One getdents64 at a time with this buffer. A record is at least 24 bytes and becomes at most 147 + name bytes in
    /// the reply, so 8 KiB of records always fit into <see cref="BatchReplyBytesMax"/>. Targets of links take only what
    /// the records after them leave.
    /// </summary>
    private const int BatchBytes = 8192;

    private const int BatchReplyBytesMax = 56 * 1024;

    /// <summary>struct linux_dirent64: d_ino, d_off, d_reclen, d_type, d_name.</summary>
    private const int RecordHeaderBytes = 19;

    /// <summary>
    /// By how much an entry with attributes is longer than its record at most: with its length, without padding.
    /// </summary>
    private static int EntryGrowthBytes =>
        Unsafe.SizeOf<DirectoryEntryHeader>() + sizeof(ushort) + Unsafe.SizeOf<GoferAttributes>() - RecordHeaderBytes;

    /// <summary>Answers the target as text. Errors: EINVAL (not a link), EBADF, ENOENT.</summary>
    public static Errno ReadLink(ref Exchange exchange)
    {
        if (exchange.Request.Read(out FileRequest request) is not Errno.Ok and Errno error)
            return error;
        if (exchange.Request.ReadOptionalName(out ReadOnlySpan<byte> name) is not Errno.Ok and Errno badName)
            return badName;
        if (Confined.Locate(exchange.Server.Handles, request.Handle, name).Failed(out Handle? located, out error))
            return error;
        using Handle link = located;
        return link.Type == FileType.SymbolicLink ? WriteLinkTarget(ref exchange, link.Fd) : Errno.EINVAL;
    }

    /// <summary>Writes a link's target as text.</summary>
    public static Errno WriteLinkTarget(ref Exchange exchange, int link)
    {
        Span<byte> target = stackalloc byte[GoferLimits.LinkTargetBytesMax + 1];
        if (HostDirectory.ReadLink(link, "\0"u8, target).Failed(out int length, out Errno error))
            return error;
        exchange.Reply.WriteText(target[..Math.Min(length, GoferLimits.LinkTargetBytesMax)]);
        return Errno.Ok;
    }

    /// <summary>Answers the host's struct statfs.</summary>
    public static Errno StatFs(ref Exchange exchange)
    {
        if (exchange.Request.Read(out FileRequest request) is not Errno.Ok and Errno error)
            return error;
        if (exchange.Request.ReadOptionalName(out ReadOnlySpan<byte> name) is not Errno.Ok and Errno badName)
            return badName;
        if (Confined.Locate(exchange.Server.Handles, request.Handle, name).Failed(out Handle? located, out error))
            return error;
        using Handle file = located;
        if (HostDirectory.StatFs(file.Fd, out StatFs status) is not Errno.Ok and Errno failed)
            return failed;
        exchange.Reply.Write(status);
        return Errno.Ok;
    }

    /// <summary>
    /// fsync(2) of a directory or a regular file, or syncfs(2). Errors: EINVAL (other types), EBADF, EIO.
    /// </summary>
    public static Errno Sync(ref Exchange exchange, bool wholeFileSystem)
    {
        if (exchange.Request.Read(out FileRequest request) is not Errno.Ok and Errno error)
            return error;
        if (exchange.Request.ReadOptionalName(out ReadOnlySpan<byte> name) is not Errno.Ok and Errno badName)
            return badName;
        if (Confined.Locate(exchange.Server.Handles, request.Handle, name).Failed(out Handle? located, out error))
            return error;
        using Handle file = located;
        if (file.Type is not (FileType.Directory or FileType.Regular))
            return Errno.EINVAL;
        if (exchange.Server.ProcSelfFd.Reopen(file.Fd, OpenFlags.ReadOnly).Failed(out int fd, out error))
            return error;
        error = wholeFileSystem
            ? HostFileWrite.SynchronizeFileSystem(fd)
            : HostFileWrite.Synchronize(fd, dataOnly: false);
        HostFile.Close(fd);
        return error;
    }

    /// <summary>Errors: ENOTDIR, EBADF, EINVAL (a cookie that is none).</summary>
    public static Errno ReadDirectory(ref Exchange exchange)
    {
        if (exchange.Request.Read(out ReadDirectoryRequest request) is not Errno.Ok and Errno error)
            return error;
        if (exchange.Request.End() is not Errno.Ok and Errno trailing)
            return trailing;
        if ((request.Flags & ~ReadDirectoryFlags.WithAttributes) != 0)
            return Errno.EINVAL;
        if (exchange.Server.Handles.Borrow(request.Handle).Failed(out Handle? borrowed, out error))
            return error;
        using Handle directory = borrowed;
        if (!directory.IsDirectory)
            return Errno.ENOTDIR;
        lock (directory.StreamLock)
        {
            if (directory.Stream is null)
            {
                OpenFlags flags = OpenFlags.ReadOnly | OpenFlags.Directory;
                if (exchange.Server.ProcSelfFd.Reopen(directory.Fd, flags).Failed(out int fd, out error))
                    return error;
                directory.Stream = new DirectoryStream(new HostFd(fd));
            }

            error = List(ref exchange, directory.Stream, request, out bool isEnd);
            // A finished listing keeps no descriptor; the next one starts from a fresh one anyway.
            if (isEnd || error != Errno.Ok)
            {
                directory.Stream.Dispose();
                directory.Stream = null;
            }
        }

        return error;
    }

    private static Errno List(
        ref Exchange exchange, DirectoryStream stream, in ReadDirectoryRequest request, out bool isEnd)
    {
        isEnd = false;
        if (stream.MoveTo(request.Cookie) is not Errno.Ok and Errno error)
            return error;
        ReadDirectoryReply reply = new() { NextCookie = request.Cookie };
        int replyOffset = exchange.Reply.LengthBytes;
        exchange.Reply.Write(reply);
        Span<byte> records = stackalloc byte[BatchBytes];
        bool withAttributes = (request.Flags & ReadDirectoryFlags.WithAttributes) != 0;
        while (exchange.Reply.FreeBytes >= BatchReplyBytesMax && !isEnd)
        {
            if (HostDirectory.ReadEntries(stream.Fd, records).Failed(out int length, out error))
                return error;
            isEnd = length == 0;
            reply.Count += WriteEntries(
                ref exchange.Reply, stream.Fd, records[..length], withAttributes, ref reply.NextCookie);
            stream.MovedTo(reply.NextCookie);
        }

        reply.IsEnd = isEnd ? 1u : 0u;
        exchange.Reply.WriteAt(replyOffset, reply);
        return Errno.Ok;
    }

    /// <summary>
    /// Writes the entries of what getdents64 gave for a directory; how many. The cookie moves past the last of them.
    /// </summary>
    public static uint WriteEntries(
        ref MessageWriter reply, int directory, scoped ReadOnlySpan<byte> records, bool withAttributes, ref long cookie)
    {
        uint count = 0;
        int bytesMax = withAttributes ? EntriesBytes(records, isMost: true) : 0;
        while (records.Length > RecordHeaderBytes && !reply.HasOverflowed)
        {
            int recordBytes = BinaryPrimitives.ReadUInt16LittleEndian(records[16..]);
            ReadOnlySpan<byte> record = records[..recordBytes];
            records = records[recordBytes..];
            bytesMax -= recordBytes + EntryGrowthBytes;
            if (WriteEntry(ref reply, directory, record, withAttributes, reservedBytes: bytesMax))
                count++;
            cookie = BinaryPrimitives.ReadInt64LittleEndian(record[8..]);
        }

        return count;
    }

    /// <summary>
    /// What the entries of what getdents64 gave take in a reply, with attributes, without targets of links: at least,
    /// or at most.
    /// </summary>
    public static int EntriesBytes(ReadOnlySpan<byte> records, bool isMost)
    {
        const int paddingMax = 8; // Records are multiples of eight bytes, NUL included.
        int perEntry = isMost ? EntryGrowthBytes : EntryGrowthBytes - paddingMax;
        int bytes = 0;
        while (records.Length > RecordHeaderBytes)
        {
            int recordBytes = BinaryPrimitives.ReadUInt16LittleEndian(records[16..]);
            bytes += recordBytes + perEntry;
            records = records[recordBytes..];
        }

        return isMost ? bytes : bytes - (2 * (24 + perEntry)); // The dots may be among them.
    }

    /// <summary>
    /// False for an entry that is not reported: the dots, and what vanished meanwhile. A target leaves
    /// <paramref name="reservedBytes"/> free.
    /// </summary>
    private static bool WriteEntry(
        ref MessageWriter reply, int directory, scoped ReadOnlySpan<byte> record, bool withAttributes,
        int reservedBytes)
    {
        ReadOnlySpan<byte> name = record[RecordHeaderBytes..];
        int length = name.IndexOf((byte)0);
        if (length <= 0 || NameRules.CheckComponent(name[..length]) != Errno.Ok)
            return false;
        DirectoryEntryHeader header = new()
        {
            Inode = MemoryMarshal.Read<ulong>(record),
            Type = (FileType)((uint)record[RecordHeaderBytes - 1] << 12), // DT_* is S_IFMT >> 12
        };
        Statx statx = default;
        if (withAttributes)
        {
            Errno error = HostDirectory.Statx(
                directory, name[..(length + 1)], AtFlags.SymlinkNoFollow | AtFlags.NoAutomount, out statx);
            if (error == Errno.ENOENT)
                return false;
            header.Contents = error == Errno.Ok ? DirectoryEntryContents.Attributes : DirectoryEntryContents.None;
        }

        int start = reply.LengthBytes;
        reply.Write(header);
        reply.WriteText(name[..length]);
        if (header.Contents == DirectoryEntryContents.None)
            return true;
        GoferAttributes attributes = GoferAttributes.From(statx);
        reply.Write(attributes);
        if (attributes.Type == FileType.SymbolicLink
            && WriteListedTarget(ref reply, directory, name[..(length + 1)], reservedBytes))
        {
            header.Contents |= DirectoryEntryContents.LinkTarget;
            reply.WriteAt(start, header);
        }

        return true;
    }

    /// <summary>
    /// Writes a link's target as text; false if it is too long, or there is none any more. The attributes were read
    /// before: if another link took the name since, theirs show it.
    /// </summary>
    private static bool WriteListedTarget(
        ref MessageWriter reply, int directory, scoped ReadOnlySpan<byte> nameWithNul, int reservedBytes)
    {
        const int targetBytesMax = GoferLimits.ListedTargetBytesMax;
        if (reply.FreeBytes < sizeof(ushort) + targetBytesMax + 1 + reservedBytes)
            return false;
        Span<byte> target = stackalloc byte[targetBytesMax + 1];
        if (HostDirectory.ReadLink(directory, nameWithNul, target).Failed(out int bytes, out _)
            || bytes is 0 or > targetBytesMax)
            return false;
        reply.WriteText(target[..bytes]);
        return true;
    }
}
