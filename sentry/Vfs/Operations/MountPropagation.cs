using Sandbox.Linux;

namespace Sandbox.Sentry.Vfs;

/// <summary>What a mount does with mounts made below it, with the MS_* values (mount_namespaces(7)).</summary>
internal enum PropagationType : ulong
{
    Unbindable = 1 << 17,
    Private = 1 << 18,
    Slave = 1 << 19,
    Shared = 1 << 20,
}

/// <summary>
/// A mount of a tree that stands nowhere yet, and where in that tree; the first of a list is its root.
/// </summary>
internal readonly record struct MountBranch(Mount Mount, Mount? Parent, Dentry? Point);

/// <summary>
/// How what is mounted and unmounted below a shared mount comes to its peers and slaves, also in other namespaces
/// (fs/pnode.c). Everything here with <see cref="MountNamespace.Lock"/> held.
/// </summary>
internal static class MountPropagation
{
    /// <summary>MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE.</summary>
    public static void Change(Mount mount, PropagationType type)
    {
        if (type == PropagationType.Shared)
        {
            MakeShared(mount);
            mount.IsUnbindable = false;
            return;
        }

        if (mount.Peers is { } group)
        {
            group.Leave(mount);
            if (group.HasMembers)
            {
                mount.Master?.Unfollow(mount);
                group.Follow(mount);
            }
        }

        if (type == PropagationType.Slave)
            return;
        mount.Master?.Unfollow(mount);
        mount.IsUnbindable = type == PropagationType.Unbindable;
    }

    /// <summary>A bind mount: in its source's peer group and with its master.</summary>
    public static Mount Clone(Mount source, Dentry root)
    {
        Mount copy = new(source.FileSystem, root, source.Flags);
        source.Peers?.Join(copy);
        source.Master?.Follow(copy);
        return copy;
    }

    /// <summary>
    /// Attaches a tree at a place, where it becomes shared if the place is, and copies of it wherever the place's mount
    /// propagates to. ENOSPC: then nothing has changed.
    /// </summary>
    public static Errno Attach(MountNamespace space, VfsPath place, List<MountBranch> tree)
    {
        if (!HasRoom(space, place, tree.Count))
        {
            Discard(tree);
            return Errno.ENOSPC;
        }

        if (place.Mount.Peers is { } group)
        {
            foreach (MountBranch branch in tree)
                MakeShared(branch.Mount);
            Dictionary<PeerGroup, List<MountBranch>> sources = new() { [group] = tree };
            foreach (Mount receiver in ReceiversOf(place))
            {
                MountNamespace other = receiver.Namespace!;
                AttachTree(other, other.Topmost(new VfsPath(receiver, place.Dentry)), CopyFor(receiver, tree, sources));
            }
        }

        AttachTree(space, place, tree);
        return Errno.Ok;
    }

    /// <summary>Whether so many mounts may come to a place and to all it propagates to.</summary>
    public static bool HasRoom(MountNamespace space, VfsPath place, int mounts)
    {
        List<Mount> receivers = ReceiversOf(place);
        int most = mounts * (receivers.Count + 1);
        return space.HasRoomFor(most) && receivers.TrueForAll(receiver => receiver.Namespace!.HasRoomFor(most));
    }

    /// <summary>
    /// The mounts that go with one that is unmounted: what propagated from where it stands, unless something else is
    /// mounted there which does not go.
    /// </summary>
    /// <param name="mount">The mount that is unmounted.</param>
    /// <param name="gone">What goes already, children before their parents.</param>
    public static List<Mount> GoingWith(Mount mount, List<Mount> gone)
    {
        List<Mount> found = [];
        if (mount.Parent is not { Peers: { } group } parent)
            return found;
        foreach (Mount receiver in group.Receivers(parent))
        {
            if (CounterpartAt(receiver, mount) is { } other && !gone.Contains(other) && !found.Contains(other)
                && !other.Namespace!.HasChildren(other, gone))
            {
                found.Add(other);
            }
        }

        return found;
    }

    /// <summary>
    /// A mount that stands nowhere any more, and never will, follows nobody and is followed by nobody.
    /// </summary>
    public static void Forget(Mount mount)
    {
        mount.Peers?.Leave(mount);
        mount.Master?.Unfollow(mount);
    }

    /// <summary>Mounts that were made and then found no place.</summary>
    public static void Discard(List<MountBranch> tree)
    {
        foreach (MountBranch branch in tree)
        {
            Forget(branch.Mount);
            branch.Mount.Root.Unpin();
        }
    }

    // Some show only a part of the file system, in which the place may not be.
    private static List<Mount> ReceiversOf(VfsPath place)
    {
        List<Mount> receivers = place.Mount.Peers?.Receivers(place.Mount) ?? [];
        receivers.RemoveAll(receiver => !IsWithin(place.Dentry, receiver.Root));
        return receivers;
    }

    private static void MakeShared(Mount mount)
    {
        if (mount.Peers is null)
            new PeerGroup().Join(mount);
    }

    private static void AttachTree(MountNamespace space, VfsPath place, List<MountBranch> tree)
    {
        space.Attach(tree[0].Mount, place);
        foreach (MountBranch branch in tree[1..])
            space.Attach(branch.Mount, new VfsPath(branch.Parent!, branch.Point!));
    }

    // A peer gets a copy that is a peer of the new mount, a slave one that is its slave;
    // peers of a slave are peers again.
    private static List<MountBranch> CopyFor(
        Mount receiver, List<MountBranch> tree, Dictionary<PeerGroup, List<MountBranch>> sources)
    {
        if (receiver.Peers is { } peers && sources.TryGetValue(peers, out List<MountBranch>? ofPeers))
            return Copy(ofPeers, asSlaves: false);
        List<MountBranch> ofMaster = receiver.Master is { } master
            && sources.TryGetValue(master, out List<MountBranch>? known)
            ? known
            : tree;
        List<MountBranch> copy = Copy(ofMaster, asSlaves: true);
        if (receiver.Peers is not { } group)
            return copy;
        foreach (MountBranch branch in copy)
            MakeShared(branch.Mount);
        sources.Add(group, copy);
        return copy;
    }

    private static List<MountBranch> Copy(List<MountBranch> tree, bool asSlaves)
    {
        Dictionary<Mount, Mount> made = [];
        List<MountBranch> copy = new(tree.Count);
        foreach ((Mount mount, Mount? parent, Dentry? point) in tree)
        {
            Mount fresh = asSlaves ? new Mount(mount.FileSystem, mount.Root, mount.Flags) : Clone(mount, mount.Root);
            if (asSlaves)
                mount.Peers!.Follow(fresh);
            made.Add(mount, fresh);
            copy.Add(new MountBranch(fresh, copy.Count == 0 ? null : made[parent!], point));
        }

        return copy;
    }

    private static Mount? CounterpartAt(Mount receiver, Mount mount)
    {
        MountNamespace space = receiver.Namespace!;
        Mount? found = space.FindAt(receiver, mount.MountPoint!);
        while (found is not null && (found.FileSystem != mount.FileSystem || found.Root != mount.Root))
            found = space.FindAt(found, found.Root);
        return found;
    }

    private static bool IsWithin(Dentry dentry, Dentry top)
    {
        Dentry? at = dentry;
        while (at is not null && at != top)
            at = at.Parent;
        return at is not null;
    }
}
