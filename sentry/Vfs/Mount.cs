namespace Sandbox.Sentry.Vfs;

/// <summary>mount(2) flags that belong to a mount (MNT_*), with MS_* values.</summary>
[Flags]
internal enum MountFlags : ulong
{
    None = 0,
    ReadOnly = 1,
    NoSetUserId = 2,
    NoDevices = 4,
    NoExecute = 8,
    NoSymbolicFollow = 256,
    NoAccessTime = 1024,
    NoDirectoryAccessTime = 2048,
    RelativeAccessTime = 1 << 21,
    StrictAccessTime = 1 << 24,
    PerMount = ReadOnly | NoSetUserId | NoDevices | NoExecute | NoSymbolicFollow | NoAccessTime | NoDirectoryAccessTime
        | RelativeAccessTime | StrictAccessTime,
}

/// <summary>A (sub)tree of a filesystem shown at a place of a mount namespace.</summary>
internal sealed class Mount
{
    private static int _lastId;

    public Mount(FileSystem fileSystem, Dentry root, MountFlags flags)
    {
        (FileSystem, Root, Flags) = (fileSystem, root, flags);
        root.Pin();
    }

    /// <summary>A mount of a whole filesystem.</summary>
    public Mount(FileSystem fileSystem, MountFlags flags)
        : this(fileSystem, fileSystem.RootDentry, flags)
    {
    }

    /// <summary>mnt_id of /proc/PID/mountinfo.</summary>
    public int Id { get; } = Interlocked.Increment(ref _lastId);

    public FileSystem FileSystem { get; }

    /// <summary>The dentry shown; a directory below the filesystem's root for a bind mount.</summary>
    public Dentry Root { get; }

    /// <summary>Changed by remount, under the namespace's lock; a single word, read without it.</summary>
    public MountFlags Flags { get; set; }

    /// <summary>
    /// The mount this one stands on; null for the root of a namespace, or detached. Guarded by the namespace's lock.
    /// </summary>
    public Mount? Parent { get; set; }

    /// <summary>The dentry of <see cref="Parent"/> this one covers.</summary>
    public Dentry? MountPoint { get; set; }

    /// <summary>The namespace it is in; null once detached.</summary>
    public MountNamespace? Namespace { get; set; }

    /// <summary>
    /// Whom it shares what is mounted below it with; null if it is not shared. Changed by <see cref="PeerGroup"/> only.
    /// </summary>
    public PeerGroup? Peers { get; set; }

    /// <summary>
    /// Whose mounts it gets without giving any back; null if it is no slave. Changed by <see cref="PeerGroup"/> only.
    /// </summary>
    public PeerGroup? Master { get; set; }

    /// <summary>MS_UNBINDABLE: no bind mount shows it. Guarded by the namespace's lock.</summary>
    public bool IsUnbindable { get; set; }

    /// <summary>
    /// Open files, roots, working directories and programs that were found through this mount; it is busy with any.
    /// </summary>
    public int Users;

    public bool IsReadOnly => (Flags & MountFlags.ReadOnly) != 0;
}
