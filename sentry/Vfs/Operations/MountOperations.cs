using Sandbox.Linux;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// Changes of a mount namespace: mount(2), umount2(2), pivot_root(2). Privilege is checked by the caller; what goes to
/// other mounts is <see cref="MountPropagation"/>'s.
/// </summary>
internal static class MountOperations
{
    /// <summary>
    /// Puts a mount on a place, over what may be mounted there already. EINVAL if the place is detached, ENOTDIR,
    /// ENOSPC.
    /// </summary>
    public static Errno Attach(VfsPath place, Mount mount)
    {
        using (MountNamespace.Lock.Enter())
        {
            return place.Mount.Namespace is { } space
                ? AttachLocked(space, place, [new MountBranch(mount, null, null)])
                : Errno.EINVAL;
        }
    }

    /// <summary>
    /// MS_BIND: shows <paramref name="source"/> at <paramref name="place"/>; with MS_REC what is mounted below it too.
    /// EINVAL for what is unbindable, and as <see cref="Attach"/>.
    /// </summary>
    public static Errno Bind(VfsPath source, VfsPath place, bool isRecursive)
    {
        using (MountNamespace.Lock.Enter())
        {
            if (place.Mount.Namespace is not { } space || source.Mount.Namespace is null)
                return Errno.EINVAL;
            if (source.Mount.IsUnbindable)
                return Errno.EINVAL;
            List<MountBranch> tree = [new MountBranch(MountPropagation.Clone(source.Mount, source.Dentry), null, null)];
            Dictionary<Mount, Mount> copies = new() { [source.Mount] = tree[0].Mount };
            foreach (Mount original in isRecursive && source.Mount.Namespace == space ? MountsBelow(space, source) : [])
            {
                // What is unbindable is left out with everything on it.
                if (original.IsUnbindable || !copies.TryGetValue(original.Parent!, out Mount? parent))
                    continue;
                copies[original] = MountPropagation.Clone(original, original.Root);
                tree.Add(new MountBranch(copies[original], parent, original.MountPoint));
            }

            return AttachLocked(space, place, tree);
        }
    }

    /// <summary>
    /// MS_MOVE: a mount with everything below it goes to another place. EINVAL also out of a shared mount, and of
    /// something unbindable into one; ELOOP into itself.
    /// </summary>
    public static Errno Move(VfsPath source, VfsPath place)
    {
        Mount mount = source.Mount;
        using (MountNamespace.Lock.Enter())
        {
            if (source.Dentry != mount.Root || mount.Parent is null || mount.Namespace is not { } space
                || place.Mount.Namespace != space)
                return Errno.EINVAL;
            if (source.Inode.IsDirectory != place.Inode.IsDirectory)
                return source.Inode.IsDirectory ? Errno.ENOTDIR : Errno.EINVAL;
            for (Mount? above = place.Mount; above is not null; above = above.Parent)
            {
                if (above == mount)
                    return Errno.ELOOP;
            }

            VfsPath top = space.Topmost(place);
            List<Mount> below = MountsBelow(space, new VfsPath(mount, mount.Root));
            if (mount.Parent.Peers is not null
                || (top.Mount.Peers is not null
                && (mount.IsUnbindable || below.Exists(static one => one.IsUnbindable))))
            {
                return Errno.EINVAL;
            }

            if (!MountPropagation.HasRoom(space, top, below.Count + 1))
                return Errno.ENOSPC;
            List<MountBranch> tree = [new MountBranch(mount, null, null)];
            foreach (Mount one in below)
                tree.Add(new MountBranch(one, one.Parent, one.MountPoint));
            foreach (MountBranch branch in tree)
                space.Detach(branch.Mount);
            return MountPropagation.Attach(space, top, tree);
        }
    }

    /// <summary>MS_SHARED and the like, of a mount or all below it too. EINVAL if the place is not a mount.</summary>
    public static Errno ChangePropagation(VfsPath place, PropagationType type, bool isRecursive)
    {
        if (place.Dentry != place.Mount.Root || place.Mount.Namespace is not { } space)
            return Errno.EINVAL;
        using (MountNamespace.Lock.Enter())
        {
            MountPropagation.Change(place.Mount, type);
            foreach (Mount mount in isRecursive ? MountsBelow(space, place) : [])
                MountPropagation.Change(mount, type);
        }

        return Errno.Ok;
    }

    /// <summary>MS_REMOUNT: other flags of a mount.</summary>
    public static Errno Remount(VfsPath place, MountFlags flags)
    {
        if (place.Dentry != place.Mount.Root || place.Mount.Namespace is not { } space)
            return Errno.EINVAL;
        using (MountNamespace.Lock.Enter())
            place.Mount.Flags = flags & MountFlags.PerMount;
        return Errno.Ok;
    }

    /// <summary>
    /// umount2(2). EINVAL if the place is not a mount, EBUSY; a lazy one takes what is mounted below along.
    /// </summary>
    public static Errno Unmount(VfsPath place, bool isLazy, Mount rootOfCaller)
    {
        Mount mount = place.Mount;
        List<Mount> gone;
        using (MountNamespace.Lock.Enter())
        {
            if (place.Dentry != mount.Root || mount.Namespace is not { } space || mount.Parent is null)
                return Errno.EINVAL;
            if (mount == rootOfCaller)
                return Errno.EBUSY;
            gone = MountsBelow(space, new VfsPath(mount, mount.Root));
            if (!isLazy && (gone.Count != 0 || mount.Users != 0))
                return Errno.EBUSY;
            gone.Reverse();
            gone.Add(mount);
            List<Mount> all = [];
            foreach (Mount one in gone)
            {
                all.Add(one);
                List<Mount> others = MountPropagation.GoingWith(one, all);
                if (!isLazy && others.Exists(static other => other.Users != 0))
                    return Errno.EBUSY;
                all.AddRange(others);
            }

            gone = all;
            foreach (Mount one in gone)
            {
                one.Namespace!.Detach(one);
                MountPropagation.Forget(one);
            }
        }

        foreach (Mount one in gone)
            one.Root.Unpin();
        return Errno.Ok;
    }

    /// <summary>
    /// pivot_root(2): the mount at <paramref name="newRoot"/> becomes the root, the old root goes to
    /// <paramref name="putOld"/>. EINVAL where that would have to propagate.
    /// </summary>
    public static Errno PivotRoot(VfsPath newRoot, VfsPath putOld, VfsPath oldRoot)
    {
        Mount mount = newRoot.Mount;
        using (MountNamespace.Lock.Enter())
        {
            if (mount.Namespace is not { } space || oldRoot.Mount.Namespace != space
                || putOld.Mount.Namespace != space)
                return Errno.EINVAL;
            if (newRoot.Dentry != mount.Root || oldRoot.Dentry != oldRoot.Mount.Root || mount.Parent is null)
                return Errno.EINVAL;
            if (mount == oldRoot.Mount || putOld.Mount == oldRoot.Mount)
                return Errno.EBUSY;
            if (!IsBelow(putOld, newRoot))
                return Errno.EINVAL;
            Mount old = oldRoot.Mount;
            VfsPath place = space.Topmost(putOld);
            if (place.Mount.Peers is not null || mount.Parent.Peers is not null || old.Parent?.Peers is not null)
                return Errno.EINVAL;
            (Mount? oldParent, Dentry? oldPoint) = (old.Parent, old.MountPoint);
            space.Detach(mount);
            space.DetachRoot(old);
            space.Attach(old, place);
            if (oldParent is not null && oldPoint is not null)
                space.Attach(mount, new VfsPath(oldParent, oldPoint));
            else
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

    private static Errno AttachLocked(MountNamespace space, VfsPath place, List<MountBranch> tree)
    {
        bool isKindRight = tree[0].Mount.Root.Inode!.IsDirectory == place.Inode.IsDirectory;
        if (isKindRight && !place.Dentry.IsRemoved)
            return MountPropagation.Attach(space, space.Topmost(place), tree);
        MountPropagation.Discard(tree);
        return isKindRight ? Errno.ENOENT : Errno.ENOTDIR;
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
