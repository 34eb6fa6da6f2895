using Sandbox.Linux;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Vfs;

/// <summary>A tree of mounts (mount_namespaces(7)).</summary>
internal sealed class MountNamespace(UserNamespace owner)
{
    /// <summary>A guest cannot make more (fs.mount-max has 100,000).</summary>
    public const int MaxMounts = 10_000;

    private readonly RankedLock _lock = new(LockRank.MountNamespace);

    // Guarded by _lock for writing; replaced as a whole, so that the walk reads it without the lock.
    private volatile Dictionary<(Mount, Dentry), Mount> _byPlace = [];
    private readonly List<Mount> _mounts = []; // Guarded by _lock; in the order of mounting.

    public UserNamespace Owner { get; } = owner;

    public ulong Number { get; } = NamespaceNumber.Next();

    /// <summary>Set once, before the first task sees the namespace; pivot_root changes it under the lock.</summary>
    public Mount Root { get; set; } = null!;

    public RankedLock Lock => _lock;

    /// <summary>The mount on top of a place, or null. Without the lock.</summary>
    public Mount? FindAt(Mount mount, Dentry dentry) =>
        dentry.MountCount != 0 && _byPlace.TryGetValue((mount, dentry), out Mount? found) ? found : null;

    /// <summary>All mounts, in mounting order. With <see cref="Lock"/> held.</summary>
    public IReadOnlyList<Mount> Mounts => _mounts;

    /// <summary>Makes <paramref name="root"/> the root mount of this namespace, which has none yet.</summary>
    public void SetRoot(Mount root)
    {
        using (_lock.Enter())
        {
            Root = root;
            root.Namespace = this;
            _mounts.Add(root);
        }
    }

    /// <summary>Attaches a mount that stands nowhere. With <see cref="Lock"/> held. ENOSPC beyond <see cref="MaxMounts"/>.</summary>
    public Errno Attach(Mount mount, VfsPath place)
    {
        if (_mounts.Count >= MaxMounts)
            return Errno.ENOSPC;
        mount.Parent = place.Mount;
        mount.MountPoint = place.Dentry;
        mount.Namespace = this;
        Interlocked.Increment(ref place.Dentry.MountCount);
        _mounts.Add(mount);
        _byPlace = new Dictionary<(Mount, Dentry), Mount>(_byPlace) { [(place.Mount, place.Dentry)] = mount };
        return Errno.Ok;
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
        _mounts.Remove(mount);
        mount.Parent = null;
        mount.MountPoint = null;
        mount.Namespace = null;
    }

    /// <summary>Takes the root mount out, to put another in its place at once (pivot_root). With <see cref="Lock"/> held.</summary>
    public void DetachRoot(Mount mount)
    {
        if (mount.Parent is not null)
        {
            Detach(mount);
            return;
        }

        _mounts.Remove(mount);
        mount.Namespace = null;
    }

    /// <summary>The counterpart of <see cref="DetachRoot"/>. With <see cref="Lock"/> held.</summary>
    public void AttachRoot(Mount mount)
    {
        mount.Namespace = this;
        _mounts.Insert(0, mount);
        Root = mount;
    }

    /// <summary>
    /// A copy with mounts of its own (unshare(2), CLONE_NEWNS). <paramref name="translation"/> tells which mount became which, for
    /// the root and working directory of who moves there.
    /// </summary>
    public MountNamespace Clone(UserNamespace owner, out Dictionary<Mount, Mount> translation)
    {
        MountNamespace copy = new(owner);
        translation = [];
        using (_lock.Enter())
        {
            foreach (Mount mount in _mounts)
                translation.Add(mount, new Mount(mount.FileSystem, mount.Root, mount.Flags) { Namespace = copy });
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
}

/// <summary>Inode numbers of namespaces, as /proc/PID/ns shows them.</summary>
internal static class NamespaceNumber
{
    private static long _last = 0xF0000000;

    public static ulong Next() => (ulong)Interlocked.Increment(ref _last);
}
