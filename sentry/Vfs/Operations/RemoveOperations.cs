using Sandbox.Linux;

namespace Sandbox.Sentry.Vfs;

/// <summary>Names that go: unlink(2), rmdir(2).</summary>
internal static class RemoveOperations
{
    /// <summary>unlink(2). EISDIR for a directory, EBUSY for a mount point.</summary>
    public static Errno Unlink(ICaller caller, VfsPath start, ReadOnlySpan<byte> path)
    {
        if (PathWalk.LockParent(caller, start, path, out LockedParent parent) is not Errno.Ok and Errno error)
            return error;
        if (parent.Kind != LastComponent.Name)
            return Errno.EISDIR;
        Dentry child;
        using (parent)
        {
            if (parent.Lookup(out child) is not Errno.Ok and Errno missing)
                return missing;
            if (child.Inode is not { } inode)
                return Errno.ENOENT;
            if (parent.IsSlashed)
                return inode.IsDirectory ? Errno.EISDIR : Errno.ENOTDIR;
            if (Access.CheckRemoveName(parent.Directory, inode, caller.Credentials) is not Errno.Ok and Errno refused)
                return refused;
            if (inode.IsDirectory)
                return Errno.EISDIR;
            if (child.MountCount != 0)
                return Errno.EBUSY;
            if (parent.Directory.Inode.Unlink(parent.Name, inode) is not Errno.Ok and Errno failed)
                return failed;
            child.Pin(); // Until the events are told.
            DentryCache.Remove(parent.Directory.Dentry, child);
        }

        FileEvents.Removed(parent.Directory.Inode, child);
        child.Unpin();
        return Errno.Ok;
    }

    /// <summary>rmdir(2). ENOTEMPTY, ENOTDIR, EBUSY, EINVAL for ".".</summary>
    public static Errno RemoveDirectory(ICaller caller, VfsPath start, ReadOnlySpan<byte> path)
    {
        if (PathWalk.LockParent(caller, start, path, out LockedParent parent) is not Errno.Ok and Errno error)
            return error;
        switch (parent.Kind)
        {
            case LastComponent.Root:
                return Errno.EBUSY;
            case LastComponent.Dot:
                return Errno.EINVAL;
            case LastComponent.DotDot:
                return Errno.ENOTEMPTY;
        }

        Dentry child;
        using (parent)
        {
            if (parent.Lookup(out child) is not Errno.Ok and Errno missing)
                return missing;
            if (child.Inode is not { } inode)
                return Errno.ENOENT;
            if (Access.CheckRemoveName(parent.Directory, inode, caller.Credentials) is not Errno.Ok and Errno refused)
                return refused;
            if (!inode.IsDirectory)
                return Errno.ENOTDIR;
            if (child.MountCount != 0)
                return Errno.EBUSY;

            // The child's lock keeps others from creating something in it at the same moment.
            using (child.Lock.EnterNested())
            {
                if (parent.Directory.Inode.RemoveDirectory(parent.Name, inode) is not Errno.Ok and Errno failed)
                    return failed;
                child.IsRemoved = true;
            }

            child.Pin();
            DentryCache.Remove(parent.Directory.Dentry, child);
        }

        FileEvents.Removed(parent.Directory.Inode, child);
        child.Unpin();
        return Errno.Ok;
    }
}
