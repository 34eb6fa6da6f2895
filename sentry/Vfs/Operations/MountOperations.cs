using Sandbox.Linux;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// Changes of a mount namespace: mount(2), umount2(2), pivot_root(2). Privilege is checked by the caller. Every mount is private:
/// nothing propagates.
/// </summary>
internal static class MountOperations
{
    /// <summary>
    /// Puts a mount on a place, over what may be mounted there already. EINVAL if the place is detached, ENOTDIR, ENOSPC.
    /// </summary>
    public static Errno Attach(VfsPath place, Mount mount)
    {
        if (place.Mount.Namespace is not { } space)
            return Errno.EINVAL;
        using (space.Lock.Enter())
            return AttachLocked(space, place, mount);
    }

    /// <summary>MS_BIND: shows <paramref name="source"/> at <paramref name="place"/>; with MS_REC what is mounted below it too.</summary>
    public static Errno Bind(VfsPath source, VfsPath place, bool isRecursive)
    {
        if (place.Mount.Namespace is not { } space || source.Mount.Namespace is null)
            return Errno.EINVAL;
        using (space.Lock.Enter())
        {
            Mount copy = new(source.Mount.FileSystem, source.Dentry, source.Mount.Flags);
            List<Mount> below = isRecursive && source.Mount.Namespace == space ? MountsBelow(space, source) : [];
            if (AttachLocked(space, place, copy) is not Errno.Ok and Errno error)
                return error;
            Dictionary<Mount, Mount> copies = new() { [source.Mount] = copy };
            foreach (Mount original in below)
            {
                Mount child = new(original.FileSystem, original.Root, original.Flags);
                copies[original] = child;
                if (space.Attach(child, new VfsPath(copies[original.Parent!], original.MountPoint!)) is not Errno.Ok and Errno failed)
                    return failed;
            }

            return Errno.Ok;
        }
    }

    /// <summary>MS_MOVE: a mount with everything below it goes to another place. EINVAL, ELOOP into itself.</summary>
    public static Errno Move(VfsPath source, VfsPath place)
    {
        Mount mount = source.Mount;
        if (source.Dentry != mount.Root || mount.Parent is null || mount.Namespace is not { } space || place.Mount.Namespace != space)
            return Errno.EINVAL;
        if (source.Inode.IsDirectory != place.Inode.IsDirectory)
            return source.Inode.IsDirectory ? Errno.ENOTDIR : Errno.EINVAL;
        using (space.Lock.Enter())
        {
            for (Mount? above = place.Mount; above is not null; above = above.Parent)
            {
                if (above == mount)
                    return Errno.ELOOP;
            }

            space.Detach(mount);
            return space.Attach(mount, Topmost(space, place));
        }
    }

    /// <summary>MS_REMOUNT: other flags of a mount.</summary>
    public static Errno Remount(VfsPath place, MountFlags flags)
    {
        if (place.Dentry != place.Mount.Root || place.Mount.Namespace is not { } space)
            return Errno.EINVAL;
        using (space.Lock.Enter())
            place.Mount.Flags = flags & MountFlags.PerMount;
        return Errno.Ok;
    }

    /// <summary>umount2(2). EINVAL if the place is not a mount, EBUSY; a lazy one takes what is mounted below along.</summary>
    public static Errno Unmount(VfsPath place, bool isLazy, Mount rootOfCaller)
    {
        Mount mount = place.Mount;
        if (place.Dentry != mount.Root || mount.Namespace is not { } space || mount.Parent is null)
            return Errno.EINVAL;
        if (mount == rootOfCaller)
            return Errno.EBUSY;
        List<Mount> gone;
        using (space.Lock.Enter())
        {
            gone = MountsBelow(space, new VfsPath(mount, mount.Root));
            if (!isLazy && (gone.Count != 0 || mount.OpenFiles != 0))
                return Errno.EBUSY;
            gone.Reverse();
            gone.Add(mount);
            foreach (Mount one in gone)
                space.Detach(one);
        }

        foreach (Mount one in gone)
            one.Root.Unpin();
        return Errno.Ok;
    }

    /// <summary>
    /// pivot_root(2): the mount at <paramref name="newRoot"/> becomes the root, the old root goes to <paramref name="putOld"/>.
    /// </summary>
    public static Errno PivotRoot(VfsPath newRoot, VfsPath putOld, VfsPath oldRoot)
    {
        Mount mount = newRoot.Mount;
        if (mount.Namespace is not { } space || oldRoot.Mount.Namespace != space || putOld.Mount.Namespace != space)
            return Errno.EINVAL;
        if (newRoot.Dentry != mount.Root || oldRoot.Dentry != oldRoot.Mount.Root || mount.Parent is null)
            return Errno.EINVAL;
        if (mount == oldRoot.Mount || putOld.Mount == oldRoot.Mount)
            return Errno.EBUSY;
        if (!IsBelow(putOld, newRoot))
            return Errno.EINVAL;
        using (space.Lock.Enter())
        {
            Mount old = oldRoot.Mount;
            (Mount? oldParent, Dentry? oldPoint) = (old.Parent, old.MountPoint);
            space.Detach(mount);
            space.DetachRoot(old);
            if (space.Attach(old, Topmost(space, putOld)) is not Errno.Ok and Errno error)
                return error;
            if (oldParent is not null && oldPoint is not null)
                return space.Attach(mount, new VfsPath(oldParent, oldPoint));
            space.AttachRoot(mount);
            return Errno.Ok;
        }
    }

    /// <summary>True if a place is at or below another, through mounts.</summary>
    public static bool IsBelow(VfsPath place, VfsPath top)
    {
        (Mount mount, Dentry dentry) = (place.Mount, place.Dentry);
        while (true)
        {
            if (mount == top.Mount && dentry == top.Dentry)
                return true;
            if (dentry != mount.Root && dentry.Parent is { } above)
                dentry = above;
            else if (mount.Parent is { } parent && mount.MountPoint is { } point)
                (mount, dentry) = (parent, point);
            else
                return false;
        }
    }

    private static Errno AttachLocked(MountNamespace space, VfsPath place, Mount mount)
    {
        if (mount.Root.Inode!.IsDirectory != place.Inode.IsDirectory)
            return Errno.ENOTDIR;
        if (place.Dentry.IsRemoved)
            return Errno.ENOENT;
        return space.Attach(mount, Topmost(space, place));
    }

    // The walk that found the place may be older than a mount that covers it now.
    private static VfsPath Topmost(MountNamespace space, VfsPath place)
    {
        while (space.FindAt(place.Mount, place.Dentry) is { } covering)
            place = new VfsPath(covering, covering.Root);
        return place;
    }

    // In mounting order, so that a parent comes before its children.
    private static List<Mount> MountsBelow(MountNamespace space, VfsPath top)
    {
        List<Mount> found = [];
        foreach (Mount mount in space.Mounts)
        {
            if (mount != top.Mount && mount.Parent is { } parent && mount.MountPoint is { } point
                && IsBelow(new VfsPath(parent, point), top))
                found.Add(mount);
        }

        return found;
    }
}
