using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Gofer;

/// <summary>New names that are not regular files. Each answers the new file's attributes.</summary>
internal static class MakeOperations
{
    /// <summary>Errors: EEXIST, EROFS, ENOTDIR, EBADF, EINVAL.</summary>
    public static Errno MakeDirectory(ref Exchange exchange)
    {
        if (exchange.Request.Read(out MakeDirectoryRequest request) is not Errno.Ok and Errno error)
            return error;
        if (exchange.Request.ReadName(out ReadOnlySpan<byte> name) is not Errno.Ok and Errno badName)
            return badName;
        if ((request.Mode & ~ModeBits.All) != 0)
            return Errno.EINVAL;
        HandleTable handles = exchange.Server.Handles;
        if (Confined.BorrowWritableDirectory(handles, request.Handle).Failed(out Handle? borrowed, out error))
            return error;
        using Handle directory = borrowed;
        if (HostDirectory.MakeDirectory(directory.Fd, name, request.Mode) is not Errno.Ok and Errno failed)
            return failed;
        return Finish(
            ref exchange, directory, name, FileType.Directory, request.UserId, request.GroupId, request.Mode);
    }

    /// <summary>
    /// Errors: EPERM (a device the root does not permit), EINVAL (other types), EEXIST, EROFS, ENOTDIR, EBADF.
    /// </summary>
    public static Errno MakeNode(ref Exchange exchange)
    {
        if (exchange.Request.Read(out MakeNodeRequest request) is not Errno.Ok and Errno error)
            return error;
        if (exchange.Request.ReadName(out ReadOnlySpan<byte> name) is not Errno.Ok and Errno badName)
            return badName;
        FileType type = (FileType)request.Mode & FileType.Mask;
        uint permissions = request.Mode & ModeBits.All;
        bool isDevice = type is FileType.CharacterDevice or FileType.BlockDevice;
        if (((uint)type | permissions) != request.Mode || !(isDevice || type is FileType.Fifo or FileType.Socket))
            return Errno.EINVAL;
        HandleTable handles = exchange.Server.Handles;
        if (Confined.BorrowWritableDirectory(handles, request.Handle).Failed(out Handle? borrowed, out error))
            return error;
        using Handle directory = borrowed;
        if (isDevice && (directory.Root.Flags & RootFlags.DeviceNodes) == 0)
            return Errno.EPERM;
        ulong device = isDevice ? request.RawDevice : 0;
        if (HostDirectory.MakeNode(directory.Fd, name, request.Mode, device) is not Errno.Ok and Errno failed)
            return failed;
        return Finish(ref exchange, directory, name, type, request.UserId, request.GroupId, permissions);
    }

    /// <summary>Errors: EEXIST, EROFS, ENOTDIR, EBADF, ENOENT (empty target), ENAMETOOLONG.</summary>
    public static Errno SymbolicLink(ref Exchange exchange)
    {
        if (exchange.Request.Read(out SymbolicLinkRequest request) is not Errno.Ok and Errno error)
            return error;
        if (exchange.Request.ReadName(out ReadOnlySpan<byte> name) is not Errno.Ok and Errno badName)
            return badName;
        if (exchange.Request.ReadText(out ReadOnlySpan<byte> target) is not Errno.Ok and Errno badTarget)
            return badTarget;
        if (target.IsEmpty)
            return Errno.ENOENT;
        if (NameRules.CheckText(target[..^1], GoferLimits.LinkTargetBytesMax) is not Errno.Ok and Errno refused)
            return refused;
        HandleTable handles = exchange.Server.Handles;
        if (Confined.BorrowWritableDirectory(handles, request.Handle).Failed(out Handle? borrowed, out error))
            return error;
        using Handle directory = borrowed;
        if (HostDirectory.SymbolicLink(target, directory.Fd, name) is not Errno.Ok and Errno failed)
            return failed;
        return Finish(
            ref exchange, directory, name, FileType.SymbolicLink, request.UserId, request.GroupId,
            ModeBits.Permissions);
    }

    /// <summary>Owner, mode and reply of a name that was just made; takes the name away again if that fails.</summary>
    private static Errno Finish(
        ref Exchange exchange,
        Handle directory,
        ReadOnlySpan<byte> name,
        FileType type,
        uint userId,
        uint groupId,
        uint mode)
    {
        Errno error = Ownership.SettleName(
            exchange.Server.ProcSelfFd, directory.Fd, name, type, userId, groupId, mode,
            out GoferAttributes attributes);
        if (error != Errno.Ok)
        {
            HostDirectory.Unlink(
                directory.Fd, name, type == FileType.Directory ? AtFlags.RemoveDirectory : AtFlags.None);
            return error;
        }

        exchange.Reply.Write(attributes);
        return Errno.Ok;
    }
}
