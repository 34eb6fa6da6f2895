using Sandbox.Linux;

namespace Sandbox.Sentry.Vfs;

/// <summary>One instance of a filesystem (Linux's super block).</summary>
/// <param name="dentryCharge">What its cached names are charged to, or null where something else bounds them.</param>
internal abstract class FileSystem(Memory.CollectedCharge? dentryCharge = null)
{
    private static int _lastDevice;
    private Dentry? _rootDentry;
    private int _users;

    /// <summary>The type as /proc/mounts and mount(2) call it: "tmpfs", "proc", "overlay"….</summary>
    public abstract string TypeName { get; }

    /// <summary>st_dev of its files: an anonymous device (major 0) of its own.</summary>
    public ulong Device { get; } = (ulong)(uint)Interlocked.Increment(ref _lastDevice);

    /// <summary>The source as /proc/mounts shows it.</summary>
    public string Source { get; init; } = "none";

    /// <summary>Serialises renames of directories, so that no loop can form.</summary>
    public Sync.RankedLock RenameLock { get; } = new(Sync.LockRank.Rename);

    /// <summary>The root directory (or file, for a bind mount of a file).</summary>
    public abstract Inode RootInode { get; }

    /// <summary>The dentry of <see cref="RootInode"/>: one for all mounts of the filesystem.</summary>
    public Dentry RootDentry =>
        _rootDentry ?? Interlocked.CompareExchange(ref _rootDentry, new Dentry(this, RootInode), null) ?? _rootDentry;

    /// <summary>Dentries of it that are in the cache, the root left out.</summary>
    internal int DentryCount;

    /// <summary>What its cached names are charged to, or null.</summary>
    internal Memory.CollectedCharge? DentryCharge => dentryCharge;

    /// <summary>The extra options after rw/ro in /proc/mounts, such as "size=65536k,mode=755", or empty.</summary>
    public virtual string MountOptions => "";

    /// <summary>Capacity and kind (statfs(2)).</summary>
    public abstract Errno GetStatistics(out StatFs statistics);

    /// <summary>syncfs(2): everything written is on its way to stable storage.</summary>
    public virtual Errno Synchronize() => Errno.Ok;

    /// <summary>
    /// Nobody can reach it any more, unless a walk is on its way: no mount, open file, root, working directory or
    /// program is in it. Gives back what it holds; may come again after such a walk.
    /// </summary>
    public virtual void Release()
    {
    }

    /// <summary>A pinned dentry more: a mount, an open file, somebody's root.</summary>
    internal void AddUser() => Interlocked.Increment(ref _users);

    /// <summary>A pinned dentry less; after the last one there is nothing to keep.</summary>
    internal void DropUser()
    {
        if (Interlocked.Decrement(ref _users) != 0)
            return;
        _rootDentry?.DropChildren();
        Release();
    }
}
