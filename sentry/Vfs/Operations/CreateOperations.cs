using Sandbox.Linux;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Vfs;

/// <summary>New names: mkdir(2), mknod(2), symlink(2), link(2).</summary>
internal static class CreateOperations
{
    /// <summary>mkdir(2): the umask is applied here.</summary>
    public static Errno CreateDirectory(ICaller caller, VfsPath start, ReadOnlySpan<byte> path, uint mode)
    {
        if (Begin(caller, start, path, isDirectory: true, out LockedParent parent) is not Errno.Ok and Errno error)
            return error;
        Dentry child;
        using (parent)
        {
            const uint allowed = ModeBits.Permissions | ModeBits.Sticky;
            NewInode attributes = OpenOperations.NewAttributes(
                caller, parent.Directory.Inode, FileType.Directory, mode & allowed);
            if (parent.Directory.Inode.CreateDirectory(parent.Name, attributes).Failed(out Inode? inode, out error))
                return error;
            AclOperations.Give(inode, attributes);
            child = DentryCache.Add(parent.Directory.Dentry, parent.Name, inode);
        }

        FileEvents.Created(parent.Directory.Inode, child);
        return Errno.Ok;
    }

    /// <summary>
    /// mknod(2), and bind(2) of a unix socket: the type is in the mode, 0 means a regular file. Devices need CAP_MKNOD
    /// in the root user namespace, except 0:0 (a whiteout). Gives the new place.
    /// </summary>
    public static Result<VfsPath> CreateNode(
        ICaller caller, VfsPath start, ReadOnlySpan<byte> path, uint mode, ulong rawDevice)
    {
        FileType type = (FileType)mode & FileType.Mask;
        if (type == FileType.None)
            type = FileType.Regular;
        if (type is FileType.Directory)
            return Errno.EPERM;
        if (type is not (FileType.Regular or FileType.Fifo or FileType.Socket or FileType.CharacterDevice
            or FileType.BlockDevice))
            return Errno.EINVAL;
        bool isDevice = type == FileType.BlockDevice || (type == FileType.CharacterDevice && rawDevice != 0);
        if (isDevice && !caller.Credentials.Has(Capability.Mknod))
            return Errno.EPERM;
        if (Begin(caller, start, path, isDirectory: false, out LockedParent parent) is not Errno.Ok and Errno error)
            return error;
        Dentry child;
        using (parent)
        {
            Inode directory = parent.Directory.Inode;
            NewInode attributes = OpenOperations.NewAttributes(caller, directory, type, mode);
            Result<Inode> made = type == FileType.Regular
                ? directory.CreateFile(parent.Name, attributes)
                : directory.CreateNode(parent.Name, rawDevice, attributes);
            if (made.Failed(out Inode? inode, out error))
                return error;
            AclOperations.Give(inode, attributes);
            child = DentryCache.Add(parent.Directory.Dentry, parent.Name, inode);
        }

        FileEvents.Created(parent.Directory.Inode, child);
        return new VfsPath(parent.Directory.Mount, child);
    }

    /// <summary>symlink(2). ENOENT for an empty target.</summary>
    public static Errno CreateSymbolicLink(
        ICaller caller, VfsPath start, ReadOnlySpan<byte> path, ReadOnlySpan<byte> target)
    {
        if (target.IsEmpty)
            return Errno.ENOENT;
        if (Begin(caller, start, path, isDirectory: false, out LockedParent parent) is not Errno.Ok and Errno error)
            return error;
        Dentry child;
        using (parent)
        {
            Inode directory = parent.Directory.Inode;
            NewInode attributes = OpenOperations.NewAttributes(
                caller, directory, FileType.SymbolicLink, ModeBits.Permissions);
            if (directory.CreateSymbolicLink(parent.Name, target, attributes).Failed(out Inode? inode, out error))
                return error;
            child = DentryCache.Add(parent.Directory.Dentry, parent.Name, inode);
        }

        FileEvents.Created(parent.Directory.Inode, child);
        return Errno.Ok;
    }

    /// <summary>link(2) to a file that was found. EPERM for directories, EXDEV across mounts, EMLINK.</summary>
    public static Errno Link(ICaller caller, VfsPath target, VfsPath start, ReadOnlySpan<byte> path)
    {
        if (Begin(caller, start, path, isDirectory: false, out LockedParent parent) is not Errno.Ok and Errno error)
            return error;
        Dentry child;
        using (parent)
        {
            if (parent.Directory.Mount != target.Mount)
                return Errno.EXDEV;
            if (target.Inode.IsDirectory)
                return Errno.EPERM;
            if (!MayLink(target.Inode, caller.Credentials))
                return Errno.EPERM;
            if (IsGone(target))
                return Errno.ENOENT;
            if (parent.Directory.Inode.Link(parent.Name, target.Inode) is not Errno.Ok and Errno failed)
                return failed;
            target.Dentry.MayBeLinked = false;
            child = DentryCache.Add(parent.Directory.Dentry, parent.Name, target.Inode);
        }

        FileEvents.AttributesChanged(target.Inode, null);
        FileEvents.Created(parent.Directory.Inode, child);
        return Errno.Ok;
    }

    // A file without names stays without, but for one that was made so.
    private static bool IsGone(VfsPath target)
    {
        Stat stat = default;
        return target.Dentry.IsRemoved && !target.Dentry.MayBeLinked
            && target.Inode.GetAttributes(ref stat) == Errno.Ok && stat.LinkCount == 0;
    }

    // proc(5), protected_hardlinks = 1: who does not own a file may link it only if it is regular,
    // safe and theirs to write.
    private static bool MayLink(Inode inode, Credentials credentials)
    {
        if (Access.IsOwner(inode, credentials))
            return true;
        const uint groupExecute = 0x8;
        bool isSafe = inode.IsRegular && (inode.Mode & ModeBits.SetUserId) == 0
            && (inode.Mode & (ModeBits.SetGroupId | groupExecute)) != (ModeBits.SetGroupId | groupExecute);
        return isSafe && Access.Check(inode, AccessMask.Read | AccessMask.Write, credentials) == Errno.Ok;
    }

    // The directory of a new name, locked, with the name known to be free and the directory writable.
    private static Errno Begin(
        ICaller caller, VfsPath start, ReadOnlySpan<byte> path, bool isDirectory, out LockedParent parent)
    {
        if (PathWalk.LockParent(caller, start, path, out parent) is not Errno.Ok and Errno error)
            return error;
        Errno refused = parent.Kind != LastComponent.Name ? Errno.EEXIST : CheckFree(caller, parent, isDirectory);
        if (refused != Errno.Ok)
            parent.Dispose();
        return refused;
    }

    private static Errno CheckFree(ICaller caller, scoped in LockedParent parent, bool isDirectory)
    {
        if (parent.Lookup(out Dentry child) is not Errno.Ok and Errno error)
            return error;
        if (child.Inode is not null)
            return Errno.EEXIST;
        if (parent.IsSlashed && !isDirectory)
            return Errno.ENOENT;
        return Access.CheckModifyDirectory(parent.Directory, caller.Credentials);
    }
}
