using Sandbox.Linux;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Vfs;

/// <summary>What somebody wants to do with a file; the bits of access(2) and of one digit of a mode.</summary>
[Flags]
internal enum AccessMask
{
    None = 0,
    Execute = 1,
    Write = 2,
    Read = 4,
}

/// <summary>Discretionary access control: modes, owners, capabilities (path_resolution(7), "Permissions").</summary>
internal static class Access
{
    private const uint AnyExecute = 0x49; // 0111

    /// <summary>EACCES unless the mode of the file or a capability allows all of <paramref name="wanted"/>.</summary>
    public static Errno Check(Inode inode, AccessMask wanted, Credentials credentials)
    {
        uint mode = inode.Mode;
        const uint group = 0x38; // With a list, the most that anybody but the owner and others gets.
        bool isGranted;
        if (inode.UserId == credentials.FileSystemUserId)
            isGranted = ((mode >> 6) & (uint)wanted) == (uint)wanted;
        else if ((mode & group) != 0 && inode.Acls?.Access is { } acl)
            isGranted = acl.Allows(inode, wanted, credentials);
        else
            isGranted = ((credentials.IsInGroup(inode.GroupId) ? mode >> 3 : mode) & (uint)wanted) == (uint)wanted;
        if (isGranted)
            return Errno.Ok;
        return IsOverridden(inode, mode, wanted, credentials) ? Errno.Ok : Errno.EACCES;
    }

    /// <summary>As the check of an inode, and EROFS for writing to what a read-only mount shows.</summary>
    public static Errno Check(VfsPath path, AccessMask wanted, Credentials credentials)
    {
        if (Check(path.Inode, wanted, credentials) is not Errno.Ok and Errno error)
            return error;
        return (wanted & AccessMask.Write) != 0 && path.Mount.IsReadOnly && IsStored(path.Inode)
            ? Errno.EROFS
            : Errno.Ok;
    }

    /// <summary>
    /// Whether names may be added to, removed from or renamed in a directory. EACCES, EROFS, ENOENT if it was removed.
    /// </summary>
    public static Errno CheckModifyDirectory(VfsPath directory, Credentials credentials)
    {
        if (directory.Mount.IsReadOnly)
            return Errno.EROFS;
        if (directory.Dentry.IsRemoved)
            return Errno.ENOENT;
        return Check(directory.Inode, AccessMask.Write | AccessMask.Execute, credentials);
    }

    /// <summary>
    /// Whether <paramref name="child"/> may lose its name in <paramref name="directory"/>: the rules of the sticky bit.
    /// EPERM.
    /// </summary>
    public static Errno CheckRemoveName(VfsPath directory, Inode child, Credentials credentials)
    {
        if (CheckModifyDirectory(directory, credentials) is not Errno.Ok and Errno error)
            return error;
        bool isProtected = (directory.Inode.Mode & ModeBits.Sticky) != 0
            && child.UserId != credentials.FileSystemUserId
            && directory.Inode.UserId != credentials.FileSystemUserId
            && !HasOver(child, Capability.FileOwner, credentials);
        return isProtected ? Errno.EPERM : Errno.Ok;
    }

    /// <summary>True for the owner and for who may act as every owner (CAP_FOWNER).</summary>
    public static bool IsOwner(Inode inode, Credentials credentials) =>
        inode.UserId == credentials.FileSystemUserId || HasOver(inode, Capability.FileOwner, credentials);

    /// <summary>
    /// True if the task has a capability over a file: in its own user namespace, if that has names for the file's owner
    /// and group (user_namespaces(7), "Capabilities").
    /// </summary>
    public static bool HasOver(Inode inode, Capability capability, Credentials credentials)
    {
        if (!credentials.Effective.Has(capability))
            return false;
        UserNamespace space = credentials.UserNamespace;
        return space == UserNamespace.Root
            || (IsMapped(space.UserMap, inode.UserId) && IsMapped(space.GroupMap, inode.GroupId));
    }

    /// <summary>The same check with the real ids, for access(2).</summary>
    public static Credentials WithRealIds(Credentials credentials)
    {
        bool isRoot = credentials.UserNamespace.UserFromKernel(credentials.UserId) == 0;
        const uint noSetuidFixup = 4; // SECBIT_NO_SETUID_FIXUP
        CapabilitySet effective = (credentials.SecureBits & noSetuidFixup) != 0 ? credentials.Effective
            : isRoot ? credentials.Permitted
            : CapabilitySet.Empty;
        if (credentials.FileSystemUserId == credentials.UserId && credentials.FileSystemGroupId == credentials.GroupId
            && effective == credentials.Effective)
            return credentials;
        return credentials with
        {
            FileSystemUserId = credentials.UserId,
            FileSystemGroupId = credentials.GroupId,
            Effective = effective,
        };
    }

    private static bool IsOverridden(Inode inode, uint mode, AccessMask wanted, Credentials credentials)
    {
        // Nobody executes a file without any execute bit; directories are searched.
        bool mayExecute = (mode & AnyExecute) != 0 || inode.IsDirectory || (wanted & AccessMask.Execute) == 0;
        if (mayExecute && HasOver(inode, Capability.DacOverride, credentials))
            return true;
        AccessMask readable = inode.IsDirectory ? AccessMask.Read | AccessMask.Execute : AccessMask.Read;
        return (wanted & ~readable) == 0 && HasOver(inode, Capability.DacReadSearch, credentials);
    }

    // Devices, FIFOs and sockets can be written through a read-only mount.
    private static bool IsStored(Inode inode) =>
        inode.Type is FileType.Regular or FileType.Directory or FileType.SymbolicLink;

    private static bool IsMapped(IdRange[]? map, uint kernelId)
    {
        foreach (IdRange range in map ?? [])
        {
            if (kernelId >= range.Outside && kernelId - range.Outside < range.Count)
                return true;
        }

        return false;
    }
}
