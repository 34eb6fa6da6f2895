using Sandbox.Linux;
using Sandbox.Sentry.Memory;

namespace Sandbox.Sentry.Vfs;

/// <summary>Looks names up through the dentries, and keeps their number within bounds.</summary>
internal static class DentryCache
{
    /// <summary>Dentries of one filesystem beyond which those that were not used for long are dropped.</summary>
    public const int Capacity = 32768;

    // The clock ticks once per so many additions; a dentry not used for KeptTicks ticks may go.
    private const int AdditionsPerTick = 2048;
    private const int KeptTicks = 6;

    private static int _additions;
    private static int _isPruning;

    /// <summary>
    /// The dentry of a name, positive or negative, from the cache or else from the filesystem. With the directory's
    /// lock held. ESTALE if the directory has left the cache (walk again), ENOENT if it was removed,
    /// and what the filesystem says.
    /// </summary>
    public static Errno Lookup(Dentry directory, ReadOnlySpan<byte> name, out Dentry child)
    {
        child = null!;
        if (CheckUsable(directory) is not Errno.Ok and Errno error)
            return error;
        if (directory.FindChild(name) is { } cached)
        {
            if (cached.Inode is null || cached.IsPinned || cached.Inode.Revalidate())
            {
                int now = _additions / AdditionsPerTick;
                if (cached.LastUsed != now)
                    cached.LastUsed = now;
                child = cached;
                Counters.Add(Counter.DentryHits);
                return Errno.Ok;
            }

            directory.RemoveChild(name);
        }

        return LookupMissing(directory, name, ref child);
    }

    /// <summary>
    /// ESTALE if the directory has left the cache (walk again), ENOENT if it was removed. With its lock held.
    /// </summary>
    public static Errno CheckUsable(Dentry directory) =>
        directory.IsRemoved ? Errno.ENOENT : directory.IsDropped && !directory.IsPinned ? Errno.ESTALE : Errno.Ok;

    /// <summary>
    /// The dentry for a new name, in place of the negative one. With the directory's lock held,
    /// after the filesystem made it.
    /// </summary>
    public static Dentry Add(Dentry directory, ReadOnlySpan<byte> name, Inode inode)
    {
        Dentry child = new(directory, new FileName(name), inode) { LastUsed = _additions / AdditionsPerTick };
        directory.SetChild(child);
        return child;
    }

    /// <summary>
    /// The name of a child was removed from its directory, whose lock is held. A file's name is remembered as missing:
    /// many programs look for their lock or journal again and again, and the filesystem may be slow to say no.
    /// </summary>
    public static void Remove(Dentry directory, Dentry child)
    {
        child.IsRemoved = true;
        directory.RemoveChild(child.Name.Bytes);
        bool hasRoom = directory.FileSystem.DentryCharge is not { IsFull: true };
        if (child.Inode is { IsDirectory: false } && directory.Inode!.CachesMissingNames && hasRoom)
            directory.SetChild(new Dentry(directory, child.Name, null) { LastUsed = _additions / AdditionsPerTick });
    }

    /// <summary>True if <see cref="Prune"/> is due. Asked before a walk, when no lock is held.</summary>
    public static bool IsOverCapacity(FileSystem fileSystem) => Volatile.Read(ref fileSystem.DentryCount) > Capacity;

    /// <summary>
    /// Drops dentries of a filesystem that were not used for long, are not pinned and have no children left. One thread
    /// at a time; others go on without waiting. No lock is held.
    /// </summary>
    public static void Prune(FileSystem fileSystem)
    {
        if (Interlocked.Exchange(ref _isPruning, 1) != 0)
            return;
        try
        {
            int oldest = (Volatile.Read(ref _additions) / AdditionsPerTick) - KeptTicks;
            Stack<(Dentry Directory, bool IsSecondVisit)> pending = new();
            pending.Push((fileSystem.RootDentry, false));
            while (pending.TryPop(out (Dentry Directory, bool IsSecondVisit) visit))
                PruneChildren(visit.Directory, oldest, visit.IsSecondVisit, pending);
        }
        finally
        {
            Volatile.Write(ref _isPruning, 0);
        }
    }

    internal static void CountAdded(FileSystem fileSystem)
    {
        Interlocked.Increment(ref fileSystem.DentryCount);
        Interlocked.Increment(ref _additions);
        fileSystem.DentryCharge?.Add(ObjectCost.Dentry);
    }

    internal static void CountRemoved(FileSystem fileSystem)
    {
        Interlocked.Decrement(ref fileSystem.DentryCount);
        fileSystem.DentryCharge?.Remove(ObjectCost.Dentry);
    }

    private static Errno LookupMissing(Dentry directory, ReadOnlySpan<byte> name, ref Dentry child)
    {
        Counters.Add(Counter.DentryMisses);
        Inode parent = directory.Inode!;
        Inode? inode = null;
        if (parent.Lookup(name).Failed(out Inode? found, out Errno error))
        {
            if (error != Errno.ENOENT)
                return error;
            // What is missing is remembered only while there is memory for it.
            if (!parent.CachesMissingNames || directory.FileSystem.DentryCharge is { IsFull: true })
            {
                child = new Dentry(directory, new FileName(name), null);
                return Errno.Ok;
            }
        }
        else
        {
            inode = found;
        }

        child = new Dentry(directory, new FileName(name), inode) { LastUsed = _additions / AdditionsPerTick };
        directory.SetChild(child);
        return Errno.Ok;
    }

    // A directory is visited twice: its files first, and itself again once the subdirectories below it were looked at.
    private static void PruneChildren(
        Dentry directory, int oldest, bool isSecondVisit, Stack<(Dentry Directory, bool IsSecondVisit)> pending)
    {
        List<Dentry> unused = [];
        using (directory.Lock.Enter())
        {
            if (!isSecondVisit)
                pending.Push((directory, true));
            foreach (Dentry child in directory.Children)
            {
                bool isDirectory = child.Inode is { IsDirectory: true };
                if (isDirectory && !isSecondVisit)
                    pending.Push((child, false));
                else if (isDirectory == isSecondVisit && child.LastUsed - oldest < 0 && !child.IsPinned
                    && IsPlain(child.Inode))
                    unused.Add(child);
            }

            foreach (Dentry child in unused)
            {
                if (child.Inode is { IsDirectory: true })
                {
                    using (child.Lock.EnterNested())
                    {
                        if (!child.HasChildren)
                            directory.RemoveChild(child.Name.Bytes);
                    }
                }
                else
                {
                    directory.RemoveChild(child.Name.Bytes);
                }
            }
        }
    }

    // What hangs on the inode object must find it again.
    private static bool IsPlain(Inode? inode) => inode is null or { Watches: null, Locks: null, Endpoint: null };
}
