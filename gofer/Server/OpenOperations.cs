using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Gofer;

/// <summary>The operations that give a host descriptor away. Only regular files ever are.</summary>
internal static class OpenOperations
{
    private const OpenFlags AllowedFlags = OpenFlags.AccessMode | OpenFlags.Truncate | OpenFlags.Append
        | OpenFlags.Sync | OpenFlags.DataSync | OpenFlags.Direct;

    /// <summary>
    /// Errors: EINVAL (flags), EISDIR, ELOOP (a symbolic link), ENXIO (any other type: the client emulates those),
    /// EROFS, EBADF, ENOENT.
    /// </summary>
    public static Errno Open(ref Exchange exchange)
    {
        if (exchange.Request.Read(out OpenRequest request) is not Errno.Ok and Errno error)
            return error;
        if (exchange.Request.ReadOptionalName(out ReadOnlySpan<byte> name) is not Errno.Ok and Errno badName)
            return badName;
        OpenFlags flags = (OpenFlags)request.Flags;
        if (CheckFlags(flags) is not Errno.Ok and Errno badFlags)
            return badFlags;
        Result<Handle> found = Confined.Locate(
            exchange.Server.Handles, request.Handle, name, out GoferAttributes attributes);
        if (found.Failed(out Handle? located, out error))
            return error;
        using Handle file = located;
        if (ChangesFile(flags) && !file.Root.IsWritable)
            return Errno.EROFS;
        if (CheckType(file.Type) is not Errno.Ok and Errno badType)
            return badType;
        if (exchange.Server.ProcSelfFd.Reopen(file.Fd, flags).Failed(out exchange.DonatedFd, out error))
        {
            exchange.DonatedFd = -1;
            return error;
        }

        if (name.IsEmpty || (flags & OpenFlags.Truncate) != 0)
            return exchange.ReplyAttributes(exchange.DonatedFd);
        exchange.Reply.Write(attributes);
        return Errno.Ok;
    }

    /// <summary>
    /// Errors: EINVAL (count), EBADF, the errors of names; those of the files are in the results, as for one.
    /// </summary>
    public static Errno OpenMany(ref Exchange exchange)
    {
        if (exchange.Request.Read(out OpenManyRequest request) is not Errno.Ok and Errno error)
            return error;
        if (request.Count is 0 or > GoferLimits.OpenManyMax)
            return Errno.EINVAL;
        if (exchange.Server.Handles.Borrow(request.Handle).Failed(out Handle? borrowed, out error))
            return error;
        using Handle directory = borrowed;
        for (uint i = 0; i < request.Count; i++)
        {
            if (exchange.Request.ReadPath(out ReadOnlySpan<byte> path) is not Errno.Ok and Errno badPath)
                return badPath;
            OpenManyResult result = default;
            Result<int> opened = OpenForReading(exchange.Server.ProcSelfFd, directory.Fd, path, out result.Attributes);
            if (opened.Failed(out int fd, out error))
                result.Error = (int)error;
            else
                exchange.Donated[exchange.DonatedCount++] = fd;
            exchange.Reply.Write(result);
        }

        return exchange.Request.End();
    }

    /// <summary>
    /// Errors: EEXIST, EROFS, EINVAL, ENOTDIR, EBADF; EPERM or EINVAL if the owner cannot be set (and no file stays).
    /// </summary>
    public static Errno Create(ref Exchange exchange)
    {
        if (exchange.Request.Read(out CreateRequest request) is not Errno.Ok and Errno error)
            return error;
        if (exchange.Request.ReadName(out ReadOnlySpan<byte> name) is not Errno.Ok and Errno badName)
            return badName;
        OpenFlags flags = (OpenFlags)request.Flags;
        if (CheckFlags(flags) is not Errno.Ok and Errno badFlags)
            return badFlags;
        if ((request.Mode & ~ModeBits.All) != 0)
            return Errno.EINVAL;
        HandleTable handles = exchange.Server.Handles;
        if (Confined.BorrowWritableDirectory(handles, request.Handle).Failed(out Handle? borrowed, out error))
            return error;
        using Handle directory = borrowed;
        if (Confined.Create(directory.Fd, name, flags & ~OpenFlags.Truncate, request.Mode).Failed(
            out int fd, out error))
            return error;
        exchange.DonatedFd = fd;
        error = Ownership.Settle(
            exchange.Server.ProcSelfFd, fd, request.UserId, request.GroupId, request.Mode,
            out GoferAttributes attributes);
        if (error != Errno.Ok)
        {
            HostDirectory.Unlink(directory.Fd, name, AtFlags.None);
            return error;
        }

        exchange.Reply.Write(attributes);
        return Errno.Ok;
    }

    /// <summary>
    /// Errors: EOPNOTSUPP (the host's filesystem), EROFS, EINVAL, ENOTDIR, ENFILE, EBADF; EPERM or EINVAL if the owner
    /// cannot be set.
    /// </summary>
    public static Errno CreateTemporary(ref Exchange exchange)
    {
        if (exchange.Request.Read(out CreateRequest request) is not Errno.Ok and Errno error)
            return error;
        OpenFlags flags = (OpenFlags)request.Flags;
        if (CheckFlags(flags) is not Errno.Ok and Errno badFlags)
            return badFlags;
        if ((request.Mode & ~ModeBits.All) != 0)
            return Errno.EINVAL;
        GoferServer server = exchange.Server;
        if (Confined.BorrowWritableDirectory(server.Handles, request.Handle).Failed(out Handle? borrowed, out error))
            return error;
        using Handle directory = borrowed;
        if (Confined.CreateTemporary(directory.Fd, flags & ~OpenFlags.Truncate, request.Mode).Failed(
            out int fd, out error))
            return error;
        exchange.DonatedFd = fd;
        error = Ownership.Settle(
            server.ProcSelfFd, fd, request.UserId, request.GroupId, request.Mode, out GoferAttributes attributes);
        if (error != Errno.Ok)
            return error;
        // The handle is not open for writing: who gives the file a name may execute it.
        if (server.ProcSelfFd.Reopen(fd, OpenFlags.Path).Failed(out int path, out error))
            return error;
        Handle handle = new(new HostFd(path), directory.Root, FileType.Regular);
        if (server.Handles.Add(handle).Failed(out uint number, out error))
        {
            handle.Dispose();
            return error;
        }

        exchange.Reply.Write(new CreateTemporaryReply { Handle = number, Attributes = attributes });
        return Errno.Ok;
    }

    private static Result<int> OpenForReading(
        ProcSelfFd procSelfFd, int directory, ReadOnlySpan<byte> pathWithNul, out GoferAttributes attributes)
    {
        attributes = default;
        if (Confined.OpenPath(directory, pathWithNul).Failed(out int path, out Errno error))
            return error;
        error = Confined.Attributes(path, out attributes);
        if (error == Errno.Ok)
            error = CheckType(attributes.Type);
        Result<int> opened = error == Errno.Ok ? procSelfFd.Reopen(path, OpenFlags.ReadOnly) : error;
        HostFile.Close(path);
        return opened;
    }

    /// <summary>
    /// The type was read from an O_PATH descriptor: opening anything but a regular file could block or act on a device.
    /// </summary>
    private static Errno CheckType(FileType type) => type switch
    {
        FileType.Regular => Errno.Ok,
        FileType.Directory => Errno.EISDIR,
        FileType.SymbolicLink => Errno.ELOOP,
        _ => Errno.ENXIO,
    };

    private static bool ChangesFile(OpenFlags flags) =>
        (flags & OpenFlags.AccessMode) != OpenFlags.ReadOnly || (flags & OpenFlags.Truncate) != 0;

    private static Errno CheckFlags(OpenFlags flags) =>
        (flags & ~AllowedFlags) != 0 || (flags & OpenFlags.AccessMode) == OpenFlags.AccessMode
            ? Errno.EINVAL
            : Errno.Ok;
}
