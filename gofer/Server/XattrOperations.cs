using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Gofer;

/// <summary>
/// Extended attributes. The client may read and change user.*, file capabilities and ACLs, which are to be there for
/// whoever uses the tree next (an image's layer, a volume): the rest of security.*, trusted.* and system.* speaks to
/// the host's kernel, not to the guest's.
/// </summary>
internal static class XattrOperations
{
    /// <summary>Errors: EOPNOTSUPP (namespace), ENODATA, ERANGE, EBADF, ENOENT.</summary>
    public static Errno Get(ref Exchange exchange)
    {
        if (exchange.Request.Read(out GetXattrRequest request) is not Errno.Ok and Errno error)
            return error;
        if (ReadNames(ref exchange, out ReadOnlySpan<byte> file, out ReadOnlySpan<byte> name)
            is not Errno.Ok and Errno bad)
            return bad;
        if (!IsServed(name))
            return Errno.EOPNOTSUPP;
        if (Confined.Locate(exchange.Server.Handles, request.Handle, file).Failed(out Handle? located, out error))
            return error;
        using Handle held = located;
        Span<byte> path = stackalloc byte[32];
        Span<byte> room = exchange.Reply.Free;
        room = room[..(int)Math.Min(request.BytesMax, (uint)Math.Min(room.Length, GoferLimits.XattrValueBytesMax))];
        ReadOnlySpan<byte> hostPath = exchange.Server.ProcSelfFd.PathOf(held.Fd, path);
        if (HostXattr.Get(hostPath, name, room).Failed(out int length, out error))
            return error;
        if (request.BytesMax == 0)
            exchange.Reply.Write((uint)length);
        else
            exchange.Reply.Advance(length);
        return Errno.Ok;
    }

    /// <summary>Errors: EOPNOTSUPP (namespace), EEXIST, ENODATA, EROFS, E2BIG, EBADF, ENOENT.</summary>
    public static Errno Set(ref Exchange exchange)
    {
        if (exchange.Request.Read(out SetXattrRequest request) is not Errno.Ok and Errno error)
            return error;
        if (ReadNames(ref exchange, out ReadOnlySpan<byte> file, out ReadOnlySpan<byte> name)
            is not Errno.Ok and Errno bad)
            return bad;
        if (request.ValueBytes > GoferLimits.XattrValueBytesMax)
            return Errno.E2BIG;
        if (exchange.Request.ReadBytes((int)request.ValueBytes, out ReadOnlySpan<byte> value)
            is not Errno.Ok and Errno cut)
            return cut;
        if (request.Flags > 2)
            return Errno.EINVAL;
        if (!IsServed(name))
            return Errno.EOPNOTSUPP;
        if (Confined.LocateWritable(exchange.Server.Handles, request.Handle, file).Failed(
            out Handle? located, out error))
            return error;
        using Handle held = located;
        Span<byte> path = stackalloc byte[32];
        return HostXattr.Set(exchange.Server.ProcSelfFd.PathOf(held.Fd, path), name, value, request.Flags);
    }

    /// <summary>Answers the names the client may read, each with its NUL. Errors: ERANGE, EBADF, ENOENT.</summary>
    public static Errno List(ref Exchange exchange)
    {
        if (exchange.Request.Read(out GetXattrRequest request) is not Errno.Ok and Errno error)
            return error;
        if (exchange.Request.ReadOptionalName(out ReadOnlySpan<byte> file) is not Errno.Ok and Errno badName)
            return badName;
        if (Confined.Locate(exchange.Server.Handles, request.Handle, file).Failed(out Handle? located, out error))
            return error;
        using Handle held = located;
        Span<byte> path = stackalloc byte[32];
        Span<byte> all = exchange.Reply.Free;
        all = all[..Math.Min(all.Length, GoferLimits.XattrValueBytesMax)];
        if (HostXattr.List(exchange.Server.ProcSelfFd.PathOf(held.Fd, path), all).Failed(out int total, out error))
            return error;
        // Filtered in place: what stays only ever moves towards the front.
        int kept = 0;
        for (int at = 0; at < total;)
        {
            int length = all[at..total].IndexOf((byte)0) + 1;
            if (length <= 0)
                break;
            if (IsServed(all.Slice(at, length)))
            {
                all.Slice(at, length).CopyTo(all[kept..]);
                kept += length;
            }

            at += length;
        }

        if (request.BytesMax == 0)
            exchange.Reply.Write((uint)kept);
        else if (kept > request.BytesMax)
            return Errno.ERANGE;
        else
            exchange.Reply.Advance(kept);
        return Errno.Ok;
    }

    /// <summary>Errors: EOPNOTSUPP (namespace), ENODATA, EROFS, EBADF, ENOENT.</summary>
    public static Errno Remove(ref Exchange exchange)
    {
        if (exchange.Request.Read(out FileRequest request) is not Errno.Ok and Errno error)
            return error;
        if (ReadNames(ref exchange, out ReadOnlySpan<byte> file, out ReadOnlySpan<byte> name)
            is not Errno.Ok and Errno bad)
            return bad;
        if (!IsServed(name))
            return Errno.EOPNOTSUPP;
        if (Confined.LocateWritable(exchange.Server.Handles, request.Handle, file).Failed(
            out Handle? located, out error))
            return error;
        using Handle held = located;
        Span<byte> path = stackalloc byte[32];
        return HostXattr.Remove(exchange.Server.ProcSelfFd.PathOf(held.Fd, path), name);
    }

    private static Errno ReadNames(ref Exchange exchange, out ReadOnlySpan<byte> file, out ReadOnlySpan<byte> attribute)
    {
        attribute = default;
        if (exchange.Request.ReadOptionalName(out file) is not Errno.Ok and Errno badFile)
            return badFile;
        if (exchange.Request.ReadText(out attribute) is not Errno.Ok and Errno badAttribute)
            return badAttribute;
        return attribute.IsEmpty ? Errno.ENOENT : NameRules.CheckText(attribute[..^1], GoferLimits.XattrNameBytesMax);
    }

    private static bool IsServed(ReadOnlySpan<byte> nameWithNul) =>
        nameWithNul.StartsWith("user."u8) || nameWithNul.SequenceEqual("security.capability\0"u8)
        || nameWithNul.SequenceEqual("system.posix_acl_access\0"u8)
        || nameWithNul.SequenceEqual("system.posix_acl_default\0"u8);
}
