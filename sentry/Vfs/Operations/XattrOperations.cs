using Sandbox.Linux;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Vfs;

/// <summary>Extended attributes of a file that was found: who may see and change which namespace (xattr(7)).</summary>
internal static class XattrOperations
{
    /// <summary>XATTR_NAME_MAX, XATTR_SIZE_MAX (limits.h), bytes.</summary>
    public const int MaxNameBytes = 255, MaxValueBytes = 65536;

    public static Result<byte[]> Get(Inode inode, ReadOnlySpan<byte> name, Credentials credentials)
    {
        if (CheckAccess(inode, name, isWrite: false, credentials) is not Errno.Ok and Errno error)
            return error;
        if (PosixAcls.IsName(name))
            return AclOperations.Get(inode, name, credentials);
        Result<byte[]> stored = inode.GetExtendedAttribute(name);
        return !IsCapability(name) || stored.Failed(out byte[]? capabilities, out _)
            ? stored
            : FileCapabilities.ToShown(capabilities, credentials.UserNamespace);
    }

    public static Errno Set(
        VfsPath path, Inode inode, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, int flags,
        Credentials credentials)
    {
        if (path.IsSome && path.Mount.IsReadOnly)
            return Errno.EROFS;
        if (CheckAccess(inode, name, isWrite: true, credentials) is not Errno.Ok and Errno error)
            return error;
        if (IsCapability(name))
        {
            if (FileCapabilities.ToStored(value, credentials.UserNamespace).Failed(out byte[]? stored, out error))
                return error;
            value = stored;
        }

        if (!inode.KeepsAcls && PosixAcls.IsName(name))
        {
            if (PosixAcl.Parse(value, credentials.UserNamespace).Failed(out PosixAcl? acl, out error))
                return error;
            value = acl is null ? value : acl.ToBytes(UserNamespace.Root);
        }

        error = inode.KeepsAcls && PosixAcls.IsName(name)
            ? AclOperations.Set(inode, name, value, credentials)
            : inode.SetExtendedAttribute(name, value, flags);
        if (error == Errno.Ok)
            FileEvents.AttributesChanged(inode, path.Dentry);
        return error;
    }

    public static Errno Remove(VfsPath path, Inode inode, ReadOnlySpan<byte> name, Credentials credentials)
    {
        if (path.IsSome && path.Mount.IsReadOnly)
            return Errno.EROFS;
        if (CheckAccess(inode, name, isWrite: true, credentials) is not Errno.Ok and Errno error)
            return error;
        error = inode.KeepsAcls && PosixAcls.IsName(name)
            ? AclOperations.Set(inode, name, [], credentials)
            : inode.RemoveExtendedAttribute(name);
        if (error == Errno.Ok)
            FileEvents.AttributesChanged(inode, path.Dentry);
        return error;
    }

    /// <summary>The names, each with a NUL behind it; trusted ones only for who may read them.</summary>
    public static Result<byte[]> List(Inode inode, Credentials credentials)
    {
        if (inode.ListExtendedAttributes().Failed(out byte[]? names, out Errno error))
            return error;
        if (credentials.Has(Capability.SysAdmin) || names.AsSpan().IndexOf("trusted."u8) < 0)
            return names;
        List<byte> visible = [];
        ReadOnlySpan<byte> rest = names;
        while (!rest.IsEmpty)
        {
            int end = rest.IndexOf((byte)0);
            ReadOnlySpan<byte> entry = end < 0 ? rest : rest[..(end + 1)];
            rest = rest[entry.Length..];
            if (!entry.StartsWith("trusted."u8))
                visible.AddRange(entry);
        }

        return visible.ToArray();
    }

    private static Errno CheckAccess(Inode inode, ReadOnlySpan<byte> name, bool isWrite, Credentials credentials)
    {
        if (name.StartsWith("trusted."u8))
            return credentials.Has(Capability.SysAdmin) ? Errno.Ok : isWrite ? Errno.EPERM : Errno.ENODATA;
        if (name.StartsWith("security."u8))
            return CheckSecurity(inode, name, isWrite, credentials);
        if (name.StartsWith("system."u8))
            return !isWrite || Access.IsOwner(inode, credentials) ? Errno.Ok : Errno.EPERM;
        if (!name.StartsWith("user."u8))
            return Errno.EOPNOTSUPP;
        if (!inode.IsRegular && !inode.IsDirectory)
            return isWrite ? Errno.EPERM : Errno.ENODATA;
        if (isWrite && inode.IsDirectory && (inode.Mode & ModeBits.Sticky) != 0 && !Access.IsOwner(inode, credentials))
            return Errno.EPERM;
        return Access.Check(inode, isWrite ? AccessMask.Write : AccessMask.Read, credentials);
    }

    private static bool IsCapability(ReadOnlySpan<byte> name) => name.SequenceEqual("security.capability"u8);

    private static Errno CheckSecurity(Inode inode, ReadOnlySpan<byte> name, bool isWrite, Credentials credentials)
    {
        if (!isWrite)
            return Errno.Ok;
        bool mayWrite = IsCapability(name)
            ? Access.HasOver(inode, Capability.SetFileCap, credentials)
            : credentials.Has(Capability.SysAdmin);
        return mayWrite ? Errno.Ok : Errno.EPERM;
    }
}
