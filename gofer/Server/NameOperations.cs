using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Gofer;

/// <summary>Names that move, go, or become more.</summary>
internal static class NameOperations
{
    private const uint RenameNoReplace = 1, RenameExchange = 2;

    /// <summary>
    /// Answers the file's attributes. Errors: EXDEV (two roots), EEXIST, EROFS, EPERM (a directory), ENOTDIR, EBADF.
    /// </summary>
    public static Errno Link(ref Exchange exchange)
    {
        if (exchange.Request.Read(out LinkRequest request) is not Errno.Ok and Errno error)
            return error;
        if (exchange.Request.ReadOptionalName(out ReadOnlySpan<byte> sourceName) is not Errno.Ok and Errno badSource)
            return badSource;
        if (exchange.Request.ReadName(out ReadOnlySpan<byte> name) is not Errno.Ok and Errno badName)
            return badName;
        HandleTable handles = exchange.Server.Handles;
        if (Confined.Locate(handles, request.SourceHandle, sourceName).Failed(out Handle? located, out error))
            return error;
        using Handle source = located;
        if (Confined.BorrowWritableDirectory(handles, request.Handle).Failed(out Handle? borrowed, out error))
            return error;
        using Handle directory = borrowed;
        if (source.Root != directory.Root)
            return Errno.EXDEV;
        if (source.IsDirectory)
            return Errno.EPERM;
        if (exchange.Server.ProcSelfFd.Link(source.Fd, directory.Fd, name) is not Errno.Ok and Errno failed)
            return failed;
        return exchange.ReplyAttributes(source.Fd);
    }

    /// <summary>Errors: EINVAL (flags), ENOENT, EISDIR, ENOTDIR, ENOTEMPTY, EROFS, EBADF.</summary>
    public static Errno Unlink(ref Exchange exchange)
    {
        if (exchange.Request.Read(out UnlinkRequest request) is not Errno.Ok and Errno error)
            return error;
        if (exchange.Request.ReadName(out ReadOnlySpan<byte> name) is not Errno.Ok and Errno badName)
            return badName;
        AtFlags flags = (AtFlags)request.Flags;
        if ((flags & ~AtFlags.RemoveDirectory) != 0)
            return Errno.EINVAL;
        HandleTable handles = exchange.Server.Handles;
        if (Confined.BorrowWritableDirectory(handles, request.Handle).Failed(out Handle? borrowed, out error))
            return error;
        using Handle directory = borrowed;
        return HostDirectory.Unlink(directory.Fd, name, flags);
    }

    /// <summary>
    /// Errors: EXDEV (two roots), EINVAL (flags), EEXIST, ENOENT, ENOTEMPTY, EISDIR, ENOTDIR, EROFS, EBADF.
    /// </summary>
    public static Errno Rename(ref Exchange exchange)
    {
        if (exchange.Request.Read(out RenameRequest request) is not Errno.Ok and Errno error)
            return error;
        if (exchange.Request.ReadName(out ReadOnlySpan<byte> oldName) is not Errno.Ok and Errno badOld)
            return badOld;
        if (exchange.Request.ReadName(out ReadOnlySpan<byte> newName) is not Errno.Ok and Errno badNew)
            return badNew;
        if ((request.Flags & ~(RenameNoReplace | RenameExchange)) != 0)
            return Errno.EINVAL;
        HandleTable handles = exchange.Server.Handles;
        if (Confined.BorrowWritableDirectory(handles, request.OldHandle).Failed(out Handle? oldBorrowed, out error))
            return error;
        using Handle oldDirectory = oldBorrowed;
        if (Confined.BorrowWritableDirectory(handles, request.NewHandle).Failed(out Handle? newBorrowed, out error))
            return error;
        using Handle newDirectory = newBorrowed;
        return oldDirectory.Root != newDirectory.Root
            ? Errno.EXDEV
            : HostDirectory.Rename(oldDirectory.Fd, oldName, newDirectory.Fd, newName, request.Flags);
    }
}
