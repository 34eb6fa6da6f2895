using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// A tree of mounts (mount_namespaces(7)). It ends with the last task in it, or the last open file that stands for it:
/// who makes one holds it.
/// </summary>
internal sealed class MountNamespace(UserNamespace owner, MemoryAccount? account = null)
{
    private readonly MemoryAccount _account = account ?? MemoryAccount.Sandbox;
    private readonly CollectedCharge _charge = new(account ?? MemoryAccount.Sandbox);

    // Guarded by Lock for writing; replaced as a whole, so that the walk reads it without the lock.
    private volatile Dictionary<(Mount, Dentry), Mount> _byPlace = [];
    private readonly List<Mount> _mounts = []; // Guarded by Lock; in the order of mounting.

    private int _holds = 1; // 0 is its end.

    public UserNamespace Owner { get; } = owner;

    public ulong Number { get; } = NamespaceNumber.Next();

    /// <summary>Set once, before the first task sees the namespace; pivot_root changes it under the lock.</summary>
    public Mount Root { get; set; } = null!;

    /// <summary>One for the trees of all namespaces: what is mounted in one may come to others.</summary>
    public static RankedLock Lock { get; } = new(LockRank.MountNamespace);

    /// <summary>Keeps it until <see cref="LetGo"/>. False if it has ended.</summary>
    public bool TryHold()
    {
        int seen = Volatile.Read(ref _holds);
        while (seen > 0)
        {
            int now = Interlocked.CompareExchange(ref _holds, seen + 1, seen);
            if (now == seen)
                return true;
            seen = now;
        }

        return false;
    }

    /// <summary>Takes back a hold; after the last one nothing is mounted in it any more. Without locks.</summary>
    public void LetGo()
    {
        if (Interlocked.Decrement(ref _holds) == 0)
            End();
    }

    /// <summary>The mount on top of a place, or null. Without the lock.</summary>
    public Mount? FindAt(Mount mount, Dentry dentry) =>
        dentry.MountCount != 0 && _byPlace.TryGetValue((mount, dentry), out Mount? found) ? found : null;

    /// <summary>All mounts, in mounting order. With <see cref="Lock"/> held.</summary>
    public IReadOnlyList<Mount> Mounts => _mounts;

    /// <summary>Makes <paramref name="root"/> the root mount of this namespace, which has none yet.</summary>
    public void SetRoot(Mount root)
    {
        using (Lock.Enter())
        {
            Root = root;
            root.Namespace = this;
            _mounts.Add(root);
            _charge.Add(ObjectCost.Mount);
        }
    }

    /// <summary>Whether so many more would not be too many (fs.mount-max). With <see cref="Lock"/> held.</summary>
    public bool HasRoomFor(int mounts) =>
        _mounts.Count + mounts <= _account.Limits[KernelLimit.Mounts]
        && _account.FreeObjectBytes >= (long)ObjectCost.Mount * mounts;

    /// <summary>
    /// The top of what is mounted on a place: the walk that found it may be older than a mount that covers it now.
    /// </summary>
    public VfsPath Topmost(VfsPath place)
    {
        while (FindAt(place.Mount, place.Dentry) is { } covering)
            place = new VfsPath(covering, covering.Root);
        return place;
    }

    /// <summary>
    /// Whether something is mounted on a mount that is not among <paramref name="gone"/>. With <see cref="Lock"/> held.
    /// </summary>
    public bool HasChildren(Mount parent, List<Mount> gone) =>
        _mounts.Exists(mount => mount.Parent == parent && !gone.Contains(mount));

    /// <summary>Attaches a mount that stands nowhere; nothing propagates. With <see cref="Lock"/> held.</summary>
    public void Attach(Mount mount, VfsPath place)
    {
        mount.Parent = place.Mount;
        mount.MountPoint = place.Dentry;
        mount.Namespace = this;
        Interlocked.Increment(ref place.Dentry.MountCount);
        _mounts.Add(mount);
        _charge.Add(ObjectCost.Mount);
        _byPlace = new Dictionary<(Mount, Dentry), Mount>(_byPlace) { [(place.Mount, place.Dentry)] = mount };
    }

    /// <summary>Takes one mount (without children) out of the tree. With <see cref="Lock"/> held.</summary>
    public void Detach(Mount mount)
    {
        if (mount.Parent is null || mount.MountPoint is null)
            return;
        Dictionary<(Mount, Dentry), Mount> places = new(_byPlace);
        places.Remove((mount.Parent, mount.MountPoint));
        Interlocked.Decrement(ref mount.MountPoint.MountCount);
        _byPlace = places;
        if (_mounts.Remove(mount))
            _charge.Remove(ObjectCost.Mount);
        mount.Parent = null;
        mount.MountPoint = null;
        mount.Namespace = null;
    }

    /// <summary>
    /// Takes the root mount out, to put another in its place at once (pivot_root). With <see cref="Lock"/> held.
    /// </summary>
    public void DetachRoot(Mount mount)
    {
        if (mount.Parent is not null)
        {
            Detach(mount);
            return;
        }

        if (_mounts.Remove(mount))
            _charge.Remove(ObjectCost.Mount);
        mount.Namespace = null;
    }

    /// <summary>The counterpart of <see cref="DetachRoot"/>. With <see cref="Lock"/> held.</summary>
    public void AttachRoot(Mount mount)
    {
        mount.Namespace = this;
        _mounts.Insert(0, mount);
        _charge.Add(ObjectCost.Mount);
        Root = mount;
    }

    /// <summary>
    /// A copy with mounts of its own (unshare(2), CLONE_NEWNS), peers of the old ones that are shared; for another user
    /// namespace their slaves. <paramref name="translation"/> tells which mount became which, for
    /// the root and working directory of who moves there. ENOMEM.
    /// </summary>
    public Result<MountNamespace> Clone(UserNamespace owner, out Dictionary<Mount, Mount> translation)
    {
        MountNamespace copy = new(owner, _account);
        translation = [];
        using (Lock.Enter())
        {
            if (!copy._charge.TryAddQuietly((long)ObjectCost.Mount * _mounts.Count))
                return Errno.ENOMEM;
            foreach (Mount mount in _mounts)
                translation.Add(mount, CopyTo(copy, mount));
            Dictionary<(Mount, Dentry), Mount> places = [];
            foreach (Mount mount in _mounts)
            {
                Mount made = translation[mount];
                copy._mounts.Add(made);
                if (mount.Parent is not { } parent || mount.MountPoint is not { } point)
                    continue;
                (made.Parent, made.MountPoint) = (translation[parent], point);
                Interlocked.Increment(ref point.MountCount);
                places.Add((translation[parent], point), made);
            }

            copy._byPlace = places;
            copy.Root = translation[Root];
        }

        return copy;
    }

    // What goes with it does not propagate. A file that is open keeps its mount, and with that the filesystem.
    private void End()
    {
        Mount[] gone;
        using (Lock.Enter())
        {
            gone = [.. _mounts];
            foreach (Mount mount in gone)
            {
                if (mount.MountPoint is { } point)
                    Interlocked.Decrement(ref point.MountCount);
                (mount.Parent, mount.MountPoint, mount.Namespace) = (null, null, null);
                MountPropagation.Forget(mount);
            }

            _mounts.Clear();
            _byPlace = [];
        }

        foreach (Mount mount in gone)
            mount.Root.Unpin();
        _charge.Return();
    }

    private static Mount CopyTo(MountNamespace space, Mount mount)
    {
        Mount copy =
            new(mount.FileSystem, mount.Root, mount.Flags) { Namespace = space, IsUnbindable = mount.IsUnbindable };
        if (mount.Peers is { } peers && space.Owner != mount.Namespace!.Owner)
        {
            peers.Follow(copy);
            return copy;
        }

        mount.Peers?.Join(copy);
        mount.Master?.Follow(copy);
        return copy;
    }
}

/// <summary>Inode numbers of namespaces, as /proc/PID/ns shows them.</summary>
internal static class NamespaceNumber
{
    private static long _last = 0xF0000000;

    public static ulong Next() => (ulong)Interlocked.Increment(ref _last);
}
