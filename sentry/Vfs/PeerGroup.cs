namespace Sandbox.Sentry.Vfs;

/// <summary>
/// Mounts that show each other's changes, and their slaves, which follow without being followed (mount_namespaces(7)).
/// Members are held weakly, for mounts that are made and never attached. Guarded by
/// <see cref="MountNamespace.Lock"/>.
/// </summary>
internal sealed class PeerGroup
{
    private static int _lastId;
    private readonly List<WeakReference<Mount>> _members = [];
    private readonly List<WeakReference<Mount>> _slaves = [];

    /// <summary>What /proc/PID/mountinfo calls it.</summary>
    public int Id { get; } = Interlocked.Increment(ref _lastId);

    /// <summary>Someone is in it.</summary>
    public bool HasMembers => Living(_members).Count != 0;

    public void Join(Mount mount)
    {
        mount.Peers = this;
        Add(_members, mount);
    }

    /// <summary>The last member to leave hands the slaves to its own master, or nobody.</summary>
    public void Leave(Mount mount)
    {
        mount.Peers = null;
        Remove(_members, mount);
        if (HasMembers)
            return;
        foreach (Mount slave in Living(_slaves))
        {
            slave.Master = null;
            mount.Master?.Follow(slave);
        }

        _slaves.Clear();
    }

    /// <summary>A mount becomes a slave of this group.</summary>
    public void Follow(Mount slave)
    {
        slave.Master = this;
        Add(_slaves, slave);
    }

    public void Unfollow(Mount slave)
    {
        slave.Master = null;
        Remove(_slaves, slave);
    }

    /// <summary>
    /// All mounts to which a change below <paramref name="origin"/>, a member, goes: peers, slaves, and theirs.
    /// </summary>
    public List<Mount> Receivers(Mount origin)
    {
        List<Mount> found = [];
        HashSet<Mount> seen = [origin];
        Queue<PeerGroup> groups = new([this]);
        HashSet<PeerGroup> visited = [this];
        while (groups.TryDequeue(out PeerGroup? group))
        {
            foreach (Mount mount in (IEnumerable<Mount>)[.. Living(group._members), .. Living(group._slaves)])
            {
                if (mount.Namespace is not null && seen.Add(mount))
                    found.Add(mount);
                if (mount.Peers is { } next && visited.Add(next))
                    groups.Enqueue(next);
            }
        }

        return found;
    }

    private static void Add(List<WeakReference<Mount>> list, Mount mount)
    {
        list.RemoveAll(static entry => !entry.TryGetTarget(out _));
        list.Add(new WeakReference<Mount>(mount));
    }

    private static void Remove(List<WeakReference<Mount>> list, Mount mount) =>
        list.RemoveAll(entry => !entry.TryGetTarget(out Mount? other) || other == mount);

    private static List<Mount> Living(List<WeakReference<Mount>> list)
    {
        List<Mount> living = [];
        foreach (WeakReference<Mount> entry in list)
        {
            if (entry.TryGetTarget(out Mount? mount))
                living.Add(mount);
        }

        return living;
    }
}
