using Sandbox.Linux;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// system.posix_acl_access and system.posix_acl_default of files whose lists this kernel keeps (acl(5), setfacl(1)).
/// They are stored with the kernel's ids.
/// </summary>
internal static class AclOperations
{
    /// <summary>ENODATA if there is no such list, EOPNOTSUPP for symbolic links.</summary>
    public static Result<byte[]> Get(Inode inode, ReadOnlySpan<byte> name, Credentials credentials)
    {
        if (inode.IsSymbolicLink)
            return Errno.EOPNOTSUPP;
        if (inode.GetExtendedAttribute(name).Failed(out byte[]? stored, out Errno error)
            || PosixAcl.Parse(stored, UserNamespace.Root).Failed(out PosixAcl? acl, out error))
            return error;
        return acl is null ? Errno.ENODATA : acl.ToBytes(credentials.UserNamespace);
    }

    /// <summary>
    /// Sets a list; an empty one removes it. The mode follows. EINVAL, EOPNOTSUPP, EACCES (a default list of what is
    /// no directory), ENOSPC. That the caller is the owner was checked.
    /// </summary>
    public static Errno Set(Inode inode, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, Credentials credentials)
    {
        if (inode.IsSymbolicLink)
            return Errno.EOPNOTSUPP;
        if (PosixAcl.Parse(value, credentials.UserNamespace).Failed(out PosixAcl? acl, out Errno error))
            return error;
        if (name.SequenceEqual(PosixAcls.DefaultName))
            return inode.IsDirectory ? Store(inode, name, acl) : acl is null ? Errno.Ok : Errno.EACCES;
        if (acl is null)
            return Store(inode, name, null);
        uint mode = (inode.Mode & ModeBits.All & ~ModeBits.Permissions) | acl.Mode;
        if (!credentials.IsInGroup(inode.GroupId) && !Access.HasOver(inode, Capability.FileSetId, credentials))
            mode &= ~ModeBits.SetGroupId;
        error = Store(inode, name, acl.IsMode ? null : acl);
        return error == Errno.Ok ? inode.SetAttributes(new AttributeChange { Mode = mode }) : error;
    }

    /// <summary>What something new begins with in a directory that has a default list: the umask has no say.</summary>
    public static NewInode Inherit(in NewInode attributes, PosixAcl inherited, uint mode)
    {
        PosixAcl acl = inherited.ForNew(mode);
        bool isDirectory = ((FileType)attributes.Mode & FileType.Mask) == FileType.Directory;
        return attributes with
        {
            Mode = (attributes.Mode & ~ModeBits.Permissions) | acl.Mode,
            Acls = new PosixAcls(acl.IsMode ? null : acl, isDirectory ? inherited : null),
        };
    }

    /// <summary>
    /// Gives something new the lists it begins with. Where there is no room for them the group, which the lists would
    /// restrict, gets nothing.
    /// </summary>
    public static void Give(Inode inode, in NewInode attributes)
    {
        if (attributes.Acls is not { } acls || !inode.KeepsAcls)
            return;
        if ((acls.Access is null || Store(inode, PosixAcls.AccessName, acls.Access) == Errno.Ok)
            && (acls.Default is null || Store(inode, PosixAcls.DefaultName, acls.Default) == Errno.Ok))
            return;
        const uint group = 0x38;
        _ = inode.SetAttributes(new AttributeChange { Mode = attributes.Mode & ModeBits.All & ~group });
    }

    private static Errno Store(Inode inode, ReadOnlySpan<byte> name, PosixAcl? acl)
    {
        if (acl is not null)
            return inode.SetExtendedAttribute(name, acl.ToBytes(UserNamespace.Root), 0);
        Errno error = inode.RemoveExtendedAttribute(name);
        return error == Errno.ENODATA ? Errno.Ok : error;
    }
}
