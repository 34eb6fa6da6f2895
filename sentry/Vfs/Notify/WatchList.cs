using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Vfs;

/// <summary>One inotify instance's interest in one inode.</summary>
internal sealed class Watch(InotifyFile owner, Inode inode, int descriptor)
{
    public InotifyFile Owner => owner;

    public Inode Inode => inode;

    /// <summary>The watch descriptor.</summary>
    public int Descriptor => descriptor;

    /// <summary>Events and options. A single word, changed by inotify_add_watch.</summary>
    public InotifyEvents Mask { get; set; }
}

/// <summary>The watches of an inode (<see cref="Inode.Watches"/>): an array that is replaced as a whole.</summary>
internal sealed class WatchList
{
    // One for all inodes: watches come and go seldom.
    private static readonly RankedLock _lock = new(LockRank.Leaf);
    private volatile Watch[] _watches = []; // Guarded by _lock for writing.

    /// <summary>Adds a watch to its inode.</summary>
    public static void Add(Watch watch)
    {
        using (_lock.Enter())
        {
            WatchList list = watch.Inode.Watches as WatchList ?? new WatchList();
            list._watches = [.. list._watches, watch];
            watch.Inode.Watches = list;
        }

        FileEvents.CountWatches(1);
    }

    /// <summary>Takes a watch off its inode; false if it was off already.</summary>
    public static bool Remove(Watch watch)
    {
        using (_lock.Enter())
        {
            if (watch.Inode.Watches is not WatchList list || Array.IndexOf(list._watches, watch) < 0)
                return false;
            Watch[] left = Array.FindAll(list._watches, other => other != watch);
            list._watches = left;
            if (left.Length == 0)
                watch.Inode.Watches = null;
        }

        FileEvents.CountWatches(-1);
        return true;
    }

    /// <summary>Tells all watches of an inode whose mask asks for it.</summary>
    public static void Notify(
        Inode inode, InotifyEvents events, ReadOnlySpan<byte> name, uint cookie = 0, bool isUnlinked = false)
    {
        if (inode.Watches is not WatchList list)
            return;
        foreach (Watch watch in list._watches)
        {
            InotifyEvents mask = watch.Mask;
            if ((mask & events & InotifyEvents.All) == 0 || (isUnlinked && (mask & InotifyEvents.ExcludeUnlinked) != 0))
                continue;
            watch.Owner.Enqueue(watch.Descriptor, events, cookie, name);
            if ((mask & InotifyEvents.OneShot) != 0)
                watch.Owner.Forget(watch);
        }
    }

    /// <summary>The inode is gone: its watches end (IN_IGNORED).</summary>
    public static void Drop(Inode inode)
    {
        if (inode.Watches is not WatchList list)
            return;
        foreach (Watch watch in list._watches)
            watch.Owner.Forget(watch);
    }
}
