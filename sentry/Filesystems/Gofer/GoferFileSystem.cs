using System.Diagnostics;
using Sandbox.Gofer.Protocol;
using Sandbox.Linux;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>A tree (or a single file) of the host, served by a Gofer.</summary>
internal sealed class GoferFileSystem : FileSystem
{
    /// <summary>
    /// How long attributes of a shared tree count as just asked for: a call that walks to a file and then reads its
    /// attributes, or walks down a path, asks once.
    /// </summary>
    private static readonly long _freshTicks = Stopwatch.Frequency / 1000;
    private static readonly long _freshDirectoryTicks = Stopwatch.Frequency / 100;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    private long _changes;

    // Files with several names, of a tree of the sandbox's own: they must be one inode, by whichever name they come.
    // Guarded by _lock.
    private readonly Dictionary<(ulong Device, ulong Inode), GoferInode> _linked = [];

    /// <summary>For <see cref="GoferSession.Mount"/>.</summary>
    public GoferFileSystem(GoferSession session, in AttachReply root, GoferCaching caching)
    {
        (Session, Caching, RootFlags) = (session, caching, root.Flags);
        Ahead = new OpenAhead(this);
        Listed = new ListAhead(this);
        Numbers = new InodeNumbers(root.Attributes.Device);
        Root = Make(root.Attributes, null);
        Root.SetHandle(root.Handle);
    }

    public override string TypeName => "gofer";

    public override Inode RootInode => Root;

    public override string MountOptions => Caching switch
    {
        GoferCaching.Exclusive => "cache=exclusive",
        GoferCaching.Rechecked => "cache=rechecked",
        _ => "cache=shared",
    };

    public GoferSession Session { get; }

    public GoferCaching Caching { get; }

    /// <summary>
    /// True if the sandbox is who changes the tree, but perhaps for a command from outside now and then: files are
    /// known by what they are, not by their names.
    /// </summary>
    public bool IsSandboxOwned => Caching != GoferCaching.Shared;

    /// <summary>What the server permits here.</summary>
    public RootFlags RootFlags { get; }

    /// <summary>Directory listings that are kept.</summary>
    public ListingCache Listings { get; } = new();

    /// <summary>Descriptors of files that nobody has opened yet.</summary>
    public OpenAhead Ahead { get; }

    /// <summary>Listings nobody has asked for yet.</summary>
    public ListAhead Listed { get; }

    public InodeNumbers Numbers { get; }

    /// <summary>Counts what the sandbox changes: names, and attributes that listings have.</summary>
    public long Changes => Volatile.Read(ref _changes);

    internal GoferClient Client => Session.Client;

    private GoferInode Root { get; }

    public override Errno GetStatistics(out StatFs statistics)
    {
        if (Root.EnsureHandle().Failed(out uint handle, out Errno error))
        {
            statistics = default;
            return error;
        }

        return Client.StatFs(handle, out statistics);
    }

    public override Errno Synchronize() =>
        Root.EnsureHandle().Failed(out uint handle, out Errno error) ? error : Client.SyncFileSystem(handle);

    public override void Release()
    {
        Ahead.Forget();
        Listed.Forget();
        Root.Forget();
        Session.Descriptors.CloseIdle();
    }

    /// <summary>
    /// True if what was asked at a moment (Stopwatch ticks) must be asked again. With <paramref name="isOnTheWay"/> a
    /// walk goes through it: a directory, which others hardly ever replace.
    /// </summary>
    internal bool IsOutdated(long askedTicks, bool isOnTheWay = false) => Caching switch
    {
        GoferCaching.Exclusive => false,
        GoferCaching.Rechecked => askedTicks < Session.BelievedSince,
        _ => Stopwatch.GetTimestamp() - askedTicks >= (isOnTheWay ? _freshDirectoryTicks : _freshTicks),
    };

    /// <summary>A name or an attribute changed on the host by what the sandbox did.</summary>
    internal void CountChange() => Interlocked.Increment(ref _changes);

    /// <summary>
    /// The inode of what the Gofer found at a place: a known one if the file has several names, else a new one.
    /// </summary>
    internal GoferInode Adopt(in GoferAttributes attributes, Place? place)
    {
        bool isLinked = IsSandboxOwned && attributes.LinkCount > 1 && attributes.Type != FileType.Directory;
        if (!isLinked)
            return Make(attributes, place);
        GoferInode made = Make(attributes, place); // Outside the lock; mostly it is the first of its kind.
        GoferInode? known;
        using (_lock.Enter())
        {
            if (!_linked.TryGetValue(made.HostId, out known) || known.Type != made.Type)
                _linked[made.HostId] = known = made;
        }

        known.SetPlace(place); // The name that was used last is the one most likely to stay.
        return known;
    }

    /// <summary>An inode that gets a second name is found by both from now on.</summary>
    internal void RememberLinked(GoferInode inode)
    {
        if (!IsSandboxOwned)
            return;
        using (_lock.Enter())
            _linked[inode.HostId] = inode;
    }

    /// <summary>An inode that nobody refers to any more.</summary>
    internal void ForgetLinked(GoferInode inode)
    {
        using (_lock.Enter())
        {
            if (_linked.TryGetValue(inode.HostId, out GoferInode? known) && known == inode)
                _linked.Remove(inode.HostId);
        }
    }

    private GoferInode Make(in GoferAttributes attributes, Place? place) => attributes.Type switch
    {
        FileType.Directory => new GoferDirectory(this, attributes, place),
        FileType.Regular => new GoferFile(this, attributes, place),
        FileType.SymbolicLink => new GoferSymbolicLink(this, attributes, place),
        _ => new GoferNode(this, attributes, place),
    };
}
