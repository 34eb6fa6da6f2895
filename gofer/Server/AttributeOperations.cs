using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Gofer;

/// <summary>Reading and changing attributes.</summary>
internal static class AttributeOperations
{
    private const uint NoId = uint.MaxValue;
    private const long UtimeNow = (1 << 30) - 1, UtimeOmit = (1 << 30) - 2; // utimensat(2)

    /// <summary>Errors: EBADF, ENOENT, ENOTDIR.</summary>
    public static Errno Get(ref Exchange exchange)
    {
        if (exchange.Request.Read(out FileRequest request) is not Errno.Ok and Errno error)
            return error;
        if (exchange.Request.ReadOptionalName(out ReadOnlySpan<byte> name) is not Errno.Ok and Errno badName)
            return badName;
        if (exchange.Server.Handles.Borrow(request.Handle).Failed(out Handle? borrowed, out error))
            return error;
        using Handle handle = borrowed;
        if (name.IsEmpty)
            return exchange.ReplyAttributes(handle.Fd);
        error = Confined.Attributes(handle.Fd, name, out GoferAttributes attributes);
        exchange.Reply.Write(attributes);
        return error;
    }

    /// <summary>
    /// Errors: EROFS, EINVAL, EISDIR (size of a directory), EPERM, EOPNOTSUPP (mode of a link), EBADF, ENOENT.
    /// </summary>
    public static Errno Set(ref Exchange exchange)
    {
        if (exchange.Request.Read(out SetAttributesRequest request) is not Errno.Ok and Errno error)
            return error;
        if (exchange.Request.ReadOptionalName(out ReadOnlySpan<byte> name) is not Errno.Ok and Errno badName)
            return badName;
        if (Check(request) is not Errno.Ok and Errno invalid)
            return invalid;
        HandleTable handles = exchange.Server.Handles;
        if (Confined.LocateWritable(handles, request.Handle, name).Failed(out Handle? located, out error))
            return error;
        using Handle file = located;
        if (Apply(exchange.Server.ProcSelfFd, file, request) is not Errno.Ok and Errno failed)
            return failed;
        return exchange.ReplyAttributes(file.Fd);
    }

    private static Errno Check(in SetAttributesRequest request)
    {
        AttributeMask mask = request.Mask;
        bool isValid = (mask & ~AttributeMask.All) == 0
            && (Lacks(mask, AttributeMask.Mode) || (request.Mode & ~ModeBits.All) == 0)
            && (Lacks(mask, AttributeMask.UserId) || request.UserId != NoId)
            && (Lacks(mask, AttributeMask.GroupId) || request.GroupId != NoId)
            && (Lacks(mask, AttributeMask.Size) || request.SizeBytes >= 0)
            && (Lacks(mask, AttributeMask.AccessTime) || IsNanoseconds(request.AccessTime))
            && (Lacks(mask, AttributeMask.ModifyTime) || IsNanoseconds(request.ModifyTime));
        return isValid ? Errno.Ok : Errno.EINVAL;
    }

    private static Errno Apply(ProcSelfFd procSelfFd, Handle file, in SetAttributesRequest request)
    {
        AttributeMask mask = request.Mask;
        if (!Lacks(mask, AttributeMask.Size)
            && Truncate(procSelfFd, file, request.SizeBytes) is not Errno.Ok and Errno size)
            return size;
        if (!Lacks(mask, AttributeMask.UserId | AttributeMask.GroupId))
        {
            uint userId = Lacks(mask, AttributeMask.UserId) ? NoId : request.UserId;
            uint groupId = Lacks(mask, AttributeMask.GroupId) ? NoId : request.GroupId;
            if (HostDirectory.ChangeOwner(file.Fd, "\0"u8, userId, groupId, AtFlags.EmptyPath)
                is not Errno.Ok and Errno owner)
                return owner;
        }

        if (!Lacks(mask, AttributeMask.Mode))
        {
            if (file.Type == FileType.SymbolicLink)
                return Errno.EOPNOTSUPP;
            if (procSelfFd.ChangeMode(file.Fd, request.Mode) is not Errno.Ok and Errno mode)
                return mode;
        }

        const AttributeMask times = AttributeMask.AccessTime | AttributeMask.AccessTimeNow
            | AttributeMask.ModifyTime | AttributeMask.ModifyTimeNow;
        if (Lacks(mask, times))
            return Errno.Ok;
        Timespec access = Time(mask, AttributeMask.AccessTime, AttributeMask.AccessTimeNow, request.AccessTime);
        Timespec modify = Time(mask, AttributeMask.ModifyTime, AttributeMask.ModifyTimeNow, request.ModifyTime);
        return HostDirectory.ChangeTimes(file.Fd, "\0"u8, access, modify, AtFlags.EmptyPath);
    }

    private static Errno Truncate(ProcSelfFd procSelfFd, Handle file, long sizeBytes)
    {
        if (file.Type != FileType.Regular)
            return file.IsDirectory ? Errno.EISDIR : Errno.EINVAL;
        if (procSelfFd.Reopen(file.Fd, OpenFlags.WriteOnly).Failed(out int fd, out Errno error))
            return error;
        error = HostFile.Truncate(fd, sizeBytes);
        HostFile.Close(fd);
        return error;
    }

    private static Timespec Time(AttributeMask mask, AttributeMask given, AttributeMask now, Timespec time) =>
        !Lacks(mask, now) ? new Timespec(0, UtimeNow) : Lacks(mask, given) ? new Timespec(0, UtimeOmit) : time;

    /// <summary>True if <paramref name="mask"/> has none of <paramref name="bits"/>.</summary>
    private static bool Lacks(AttributeMask mask, AttributeMask bits) => (mask & bits) == 0;

    private static bool IsNanoseconds(Timespec time) => time.Nanoseconds is >= 0 and < 1_000_000_000;
}
