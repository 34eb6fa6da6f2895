using Sandbox.Linux;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// A file: what several names and open files share. The VFS has already checked permissions, read-only mounts and name
/// syntax (not ".", "..", empty or too long) before it calls the directory operations; the defaults answer what a file
/// that is not a directory (or a filesystem that lacks the operation) answers.
/// </summary>
/// <remarks>
/// The VFS holds the parent directory's dentry lock (rank Directory) during Lookup
/// and all operations that change entries.
/// </remarks>
internal abstract class Inode
{
    private static long _lastNumber;
    private int _uses; // Dentries that name it, and anonymous files.

    protected Inode(FileSystem fileSystem, uint mode, uint userId, uint groupId)
    {
        (FileSystem, Mode, UserId, GroupId) = (fileSystem, mode, userId, groupId);
    }

    public FileSystem FileSystem { get; }

    /// <summary>
    /// File type and permission bits (st_mode). Kept current by the filesystem; a single word, read without a lock.
    /// </summary>
    public uint Mode { get; protected set; }

    /// <summary>Kernel uid of the owner.</summary>
    public uint UserId { get; protected set; }

    /// <summary>Kernel gid of the owner.</summary>
    public uint GroupId { get; protected set; }

    /// <summary>st_ino.</summary>
    public virtual ulong Number { get; protected init; } = (ulong)Interlocked.Increment(ref _lastNumber);

    /// <summary>Device number of a device node (makedev(3)), else 0.</summary>
    public virtual ulong RawDevice => 0;

    public FileType Type => (FileType)Mode & FileType.Mask;

    public bool IsDirectory => Type == FileType.Directory;

    public bool IsSymbolicLink => Type == FileType.SymbolicLink;

    public bool IsRegular => Type == FileType.Regular;

    /// <summary>Watches of inotify(7), created at first use by the layer above.</summary>
    public object? Watches;

    /// <summary>What flock(2) and fcntl(2) locks hang on, created at first use by the layer above.</summary>
    public object? Locks;

    /// <summary>
    /// The pipe of a FIFO or the bound socket of a socket node, created at first use by the layer above.
    /// </summary>
    public object? Endpoint;

    private int _images;
    private int _writers;

    /// <summary>True while somebody has it open for writing: it cannot be executed (ETXTBSY).</summary>
    public bool IsWritten => Volatile.Read(ref _writers) > 0;

    public void AddWriter() => Interlocked.Increment(ref _writers);

    public void RemoveWriter() => Interlocked.Decrement(ref _writers);

    /// <summary>True while a program made from this file runs: it cannot be opened for writing (ETXTBSY).</summary>
    public bool IsExecuting => Volatile.Read(ref _images) > 0;

    /// <summary>One more address space runs this file.</summary>
    public void AddImage() => Interlocked.Increment(ref _images);

    /// <summary>One address space less runs this file.</summary>
    public void RemoveImage() => Interlocked.Decrement(ref _images);

    private int _copies;

    /// <summary>Who gives out copies of files; null before the first.</summary>
    public static IFileCopies? Copies { get; set; }

    /// <summary>
    /// True for a regular file of which this sandbox hears every change, of bytes and attributes: guests may have
    /// copies until then (<see cref="NotifyChange"/>).
    /// </summary>
    public virtual bool MayBeCopied => false;

    /// <summary>More or fewer copies are out, or about to be. With <see cref="Copies"/> set.</summary>
    public void CountCopies(int change) => Interlocked.Add(ref _copies, change);

    /// <summary>
    /// Something about the file has changed or is about to. A filesystem says so afterwards and, where guests could see
    /// the change before that, also before; while there are no copies it costs one read.
    /// </summary>
    public void NotifyChange()
    {
        if (Volatile.Read(ref _copies) != 0)
            Copies!.Recall(this);
    }

    // ---- Attributes ----

    /// <summary>All attributes (stat(2)). <paramref name="stat"/> comes filled in from the properties above.</summary>
    public virtual Errno GetAttributes(ref Stat stat) => Errno.Ok;

    /// <summary>Changes attributes; permission was checked. EPERM, EROFS, ENOSPC….</summary>
    public virtual Errno SetAttributes(in AttributeChange change) => Errno.EPERM;

    /// <summary>
    /// For a name found in the dentry cache: is it still this inode? False makes the walk look it up again. Also the
    /// place where attributes of a shared mount are refreshed. True at once for everything only the Sentry changes.
    /// </summary>
    public virtual bool Revalidate() => true;

    // ---- Directories ----

    /// <summary>False for directories whose missing names must not be remembered (proc, shared mounts).</summary>
    public virtual bool CachesMissingNames => true;

    /// <summary>True where a lookup asks somebody else every time: what can do without one does.</summary>
    public virtual bool IsLookupDear => false;

    /// <summary>The entry of that name, or ENOENT.</summary>
    public virtual Result<Inode> Lookup(ReadOnlySpan<byte> name) => Errno.ENOTDIR;

    /// <summary>
    /// A new regular file; umask is applied already. EEXIST, ENOSPC, EDQUOT, ENOENT if this directory is removed.
    /// </summary>
    public virtual Result<Inode> CreateFile(ReadOnlySpan<byte> name, in NewInode attributes) => Errno.EPERM;

    public virtual Result<Inode> CreateDirectory(ReadOnlySpan<byte> name, in NewInode attributes) => Errno.EPERM;

    public virtual Result<Inode> CreateSymbolicLink(
        ReadOnlySpan<byte> name, ReadOnlySpan<byte> target, in NewInode attributes) =>
        Errno.EPERM;

    /// <summary>A FIFO, socket or device node, by the type bits of the mode.</summary>
    public virtual Result<Inode> CreateNode(ReadOnlySpan<byte> name, ulong rawDevice, in NewInode attributes) =>
        Errno.EPERM;

    /// <summary>Its access control lists, if <see cref="KeepsAcls"/>; null for none.</summary>
    public virtual PosixAcls? Acls => null;

    /// <summary>True if the lists are this kernel's to keep and to check; else they are only passed on.</summary>
    public virtual bool KeepsAcls => false;

    /// <summary>
    /// True if the host takes set-ID bits away from what the Sentry writes, also for a guest that may keep them.
    /// </summary>
    public virtual bool LosesSetIdsByWriting => false;

    /// <summary>Forgets security.capability of a file that changed; where the host writes, it does so itself.</summary>
    public virtual void RemoveFileCapabilities()
    {
    }

    /// <summary>A regular file without a name (O_TMPFILE). EOPNOTSUPP.</summary>
    public virtual Result<Inode> CreateTemporaryFile(in NewInode attributes) => Errno.EOPNOTSUPP;

    /// <summary>A further name for <paramref name="target"/>, which is of the same filesystem. EMLINK, EPERM.</summary>
    public virtual Errno Link(ReadOnlySpan<byte> name, Inode target) => Errno.EPERM;

    /// <summary>Removes the name of something that is not a directory.</summary>
    public virtual Errno Unlink(ReadOnlySpan<byte> name, Inode child) => Errno.EPERM;

    /// <summary>Removes an empty directory: ENOTEMPTY.</summary>
    public virtual Errno RemoveDirectory(ReadOnlySpan<byte> name, Inode child) => Errno.EPERM;

    /// <summary>
    /// Moves <paramref name="child"/> from here to <paramref name="newParent"/> (same filesystem), replacing
    /// <paramref name="replaced"/> if given (types were checked to fit; a directory must be empty: ENOTEMPTY), or
    /// exchanging both with RENAME_EXCHANGE (<paramref name="exchange"/>). EXDEV where the filesystem cannot.
    /// </summary>
    public virtual Errno Rename(
        ReadOnlySpan<byte> name, Inode child, Inode newParent, ReadOnlySpan<byte> newName, Inode? replaced,
        bool exchange) =>
        Errno.EPERM;

    // ---- Links ----

    /// <summary>The target text (readlink(2)).</summary>
    public virtual Result<byte[]> ReadLink(ICaller caller) => Errno.EINVAL;

    /// <summary>
    /// Where a magic link (/proc/PID/fd/N, exe, cwd, root, ns) leads, or null for an ordinary symbolic link whose text
    /// is walked. EACCES, ENOENT.
    /// </summary>
    public virtual Result<VfsPath?> FollowMagicLink(ICaller caller) => (VfsPath?)null;

    // ---- Contents ----

    /// <summary>
    /// A new open file (file description) with one reference. Access was checked; O_TRUNC was done through
    /// SetAttributes; O_CREAT and O_EXCL are dealt with. May block for FIFOs through <c>caller.Sleeper</c>.
    /// ENXIO for sockets.
    /// </summary>
    public abstract Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller);

    // ---- Extended attributes (xattr(7)); permission was checked ----

    public virtual Result<byte[]> GetExtendedAttribute(ReadOnlySpan<byte> name) => Errno.EOPNOTSUPP;

    /// <summary>XATTR_CREATE (1) gives EEXIST, XATTR_REPLACE (2) ENODATA.</summary>
    public virtual Errno SetExtendedAttribute(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, int flags) =>
        Errno.EOPNOTSUPP;

    public virtual Errno RemoveExtendedAttribute(ReadOnlySpan<byte> name) => Errno.EOPNOTSUPP;

    /// <summary>The names, each followed by a NUL.</summary>
    public virtual Result<byte[]> ListExtendedAttributes() => Array.Empty<byte>();

    // ---- Lifetime ----

    /// <summary>
    /// No dentry in the cache names it and no open file has it, as far as the VFS knows; a hint to drop host handles. A
    /// walk that is still going on may use it once more.
    /// </summary>
    public virtual void Forget()
    {
    }

    /// <summary>A dentry names it that is in the cache or held: by an open file, O_PATH or not, a mount…</summary>
    protected bool IsUsed => Volatile.Read(ref _uses) > 0;

    internal void AddUse() => Interlocked.Increment(ref _uses);

    internal void DropUse()
    {
        if (Interlocked.Decrement(ref _uses) == 0)
            Forget();
    }
}

/// <summary>What a new inode gets: type and permissions with the umask applied, and its owner.</summary>
internal readonly record struct NewInode(uint Mode, uint UserId, uint GroupId)
{
    /// <summary>Who makes it, for filesystems that charge him for it; null for the Sentry itself.</summary>
    public ICaller? Creator { get; init; }

    /// <summary>Access control lists it begins with; null for none.</summary>
    public PosixAcls? Acls { get; init; }
}

/// <summary>A change of attributes; null leaves one as it is. Times in nanoseconds since the epoch.</summary>
internal readonly record struct AttributeChange
{
    /// <summary>Permission bits (07777).</summary>
    public uint? Mode { get; init; }
    public uint? UserId { get; init; }
    public uint? GroupId { get; init; }
    public long? SizeBytes { get; init; }
    public long? AccessTime { get; init; }
    public long? ModifyTime { get; init; }
}
