using Sandbox.Linux;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// chmod, chown, utimensat, truncate on a file that was found: who may, and what else changes with it.
/// </summary>
internal static class AttributeOperations
{
    private const uint GroupExecute = 0x8;

    /// <summary>A time of utimensat(2): leave as it is.</summary>
    public const long Omit = long.MinValue;

    /// <summary>A time of utimensat(2): now.</summary>
    public const long Now = long.MinValue + 1;

    /// <summary>
    /// chmod(2). <paramref name="path"/> may be <c>default</c> for a file without a place. EPERM, EROFS;
    /// EOPNOTSUPP for links.
    /// </summary>
    public static Errno ChangeMode(VfsPath path, Inode inode, uint mode, Credentials credentials)
    {
        if (IsReadOnly(path))
            return Errno.EROFS;
        if (inode.IsSymbolicLink)
            return Errno.EOPNOTSUPP;
        if (!Access.IsOwner(inode, credentials))
            return Errno.EPERM;
        mode &= ModeBits.All;
        if (!credentials.IsInGroup(inode.GroupId) && !Access.HasOver(inode, Capability.FileSetId, credentials))
            mode &= ~ModeBits.SetGroupId;
        Errno error = inode.SetAttributes(new AttributeChange { Mode = mode });
        if (error == Errno.Ok)
            FileEvents.AttributesChanged(inode, path.Dentry);
        return error;
    }

    /// <summary>chown(2) to kernel ids, null for unchanged. Set-ID bits go. EPERM, EROFS.</summary>
    public static Errno ChangeOwner(VfsPath path, Inode inode, uint? user, uint? group, Credentials credentials)
    {
        if (IsReadOnly(path))
            return Errno.EROFS;
        bool isOwner = inode.UserId == credentials.FileSystemUserId;
        bool mayChown = Access.HasOver(inode, Capability.Chown, credentials);
        if (user is { } newUser && !mayChown && !(isOwner && newUser == inode.UserId))
            return Errno.EPERM;
        if (group is { } newGroup && !mayChown
            && !(isOwner && (newGroup == inode.GroupId || credentials.IsInGroup(newGroup))))
            return Errno.EPERM;
        uint? mode = inode.IsDirectory || inode.IsSymbolicLink ? null : WithoutSetIds(inode.Mode);
        Errno error = inode.SetAttributes(new AttributeChange { UserId = user, GroupId = group, Mode = mode });
        if (error == Errno.Ok && inode.IsRegular)
            inode.RemoveFileCapabilities();
        if (error == Errno.Ok)
            FileEvents.AttributesChanged(inode, path.Dentry);
        return error;
    }

    /// <summary>
    /// utimensat(2): nanoseconds since the epoch, <see cref="Now"/> or <see cref="Omit"/>. The owner may set anything;
    /// who may write may set both to now.
    /// </summary>
    public static Errno ChangeTimes(VfsPath path, Inode inode, long access, long modify, Credentials credentials)
    {
        if (access == Omit && modify == Omit)
            return Errno.Ok;
        if (IsReadOnly(path))
            return Errno.EROFS;
        if (!Access.IsOwner(inode, credentials))
        {
            if (access != Now || modify != Now)
                return Errno.EPERM;
            if (Access.Check(inode, AccessMask.Write, credentials) is not Errno.Ok and Errno error)
                return error;
        }

        long now = HostClock.Now(HostClock.Realtime);
        Errno changed = inode.SetAttributes(new AttributeChange
        {
            AccessTime = access == Omit ? null : access == Now ? now : access,
            ModifyTime = modify == Omit ? null : modify == Now ? now : modify,
        });
        if (changed == Errno.Ok)
            FileEvents.AttributesChanged(inode, path.Dentry);
        return changed;
    }

    /// <summary>truncate(2) by path: the file must be regular and writable. EISDIR, EINVAL, EACCES, EROFS.</summary>
    public static Errno Truncate(VfsPath path, long length, Credentials credentials)
    {
        if (path.Inode.IsDirectory)
            return Errno.EISDIR;
        if (!path.Inode.IsRegular)
            return Errno.EINVAL;
        if (Access.Check(path, AccessMask.Write, credentials) is not Errno.Ok and Errno error)
            return error;
        return Resize(path, path.Inode, length, credentials);
    }

    /// <summary>A new size; access was checked.</summary>
    public static Errno Resize(VfsPath path, Inode inode, long length, Credentials credentials)
    {
        Errno error = inode.SetAttributes(new AttributeChange { SizeBytes = length });
        if (error != Errno.Ok)
            return error;
        RemovePrivileges(inode, credentials);
        FileEvents.Modified(inode, path.Dentry);
        return Errno.Ok;
    }

    /// <summary>
    /// A file that is written to loses its capabilities, and unless the writer has CAP_FSETID its set-ID bits
    /// (inode(7), capabilities(7)).
    /// </summary>
    public static void RemovePrivileges(Inode inode, Credentials credentials)
    {
        if (!inode.IsRegular)
            return;
        inode.RemoveFileCapabilities();
        uint mode = inode.Mode;
        if ((mode & (ModeBits.SetUserId | ModeBits.SetGroupId)) == 0 || WithoutSetIds(mode) is not { } cleared)
            return;
        if (!Access.HasOver(inode, Capability.FileSetId, credentials))
            _ = inode.SetAttributes(new AttributeChange { Mode = cleared });
        else if (inode.LosesSetIdsByWriting)
            _ = inode.SetAttributes(new AttributeChange { Mode = mode & ModeBits.All });
    }

    private static bool IsReadOnly(VfsPath path) => path.IsSome && path.Mount.IsReadOnly;

    // Set-group-ID without group execute is no privilege (it once meant mandatory locking) and stays.
    // Null for no change.
    private static uint? WithoutSetIds(uint mode)
    {
        uint cleared = mode & ~ModeBits.SetUserId;
        if ((mode & GroupExecute) != 0)
            cleared &= ~ModeBits.SetGroupId;
        return cleared == mode ? null : cleared & ModeBits.All;
    }
}
