using System.Collections.Concurrent;
using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Tmp;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Overlay;

/// <summary>
/// A read-only tree below, what was changed of it in memory above. Both layers are known here, so that nothing a
/// program does tells the difference from an ordinary filesystem: directories of the lower layer are renamed without
/// EXDEV, hard links and inode numbers survive, data is copied up at the first write and not at open.
/// </summary>
/// <remarks>
/// An inode that was changed is found again by its lower inode's number, wherever and under how many names it is
/// reached; hence the directories above it need not be copied up.
/// </remarks>
internal sealed class OverlayFileSystem : MemoryFileSystem
{
    private const long Magic = 0x794C7630;

    // The lower layer's inode numbers are the host's, which stay below this.
    private const ulong FirstOwnNumber = 1ul << 48;

    private readonly Inode _lowerRoot;
    private readonly RankedLock[] _copyUpLocks = new RankedLock[16];
    private readonly ConcurrentDictionary<ulong, TmpInode> _changed = new();

    // Lower files with several names must be one inode before either is changed.
    private readonly ConcurrentDictionary<ulong, WeakReference<TmpInode>> _linked = new();
    private int _linkedLimit = 1024;

    /// <summary>
    /// An overlay over the tree at <paramref name="lowerRoot"/>, whose filesystem it releases with itself.
    /// </summary>
    /// <param name="lowerRoot">The lower layer's root directory.</param>
    /// <param name="maxBytes">Limit of what may be written; 0 for none.</param>
    /// <param name="account">Who is charged for it, or null.</param>
    public OverlayFileSystem(Inode lowerRoot, long maxBytes = 0, MemoryAccount? account = null)
        : base(PagesOf(maxBytes), 0, account ?? MemoryAccount.Sandbox)
    {
        _lowerRoot = lowerRoot;
        for (int index = 0; index < _copyUpLocks.Length; index++)
            _copyUpLocks[index] = new RankedLock(LockRank.CopyUp);
        RootInode = new OverlayDirectory(this, lowerRoot);
    }

    public override string TypeName => "overlay";

    public override Inode RootInode { get; }

    /// <summary>
    /// On whose behalf the lower layer's files are opened: permission was checked against the overlay's attributes.
    /// </summary>
    public ICaller Caller { get; } = new LowerCaller();

    public override ulong NextInodeNumber() => FirstOwnNumber + base.NextInodeNumber();

    public override Errno GetStatistics(out StatFs statistics)
    {
        if (_lowerRoot.FileSystem.GetStatistics(out statistics) is not Errno.Ok and Errno error)
            return error;
        statistics.Type = Magic;
        statistics.FileSystemId = Device;
        if (MaxPages == 0)
            return Errno.Ok;
        (statistics.BlockBytes, statistics.FragmentBytes) = (PageBytes, PageBytes);
        statistics.Blocks = (ulong)MaxPages;
        statistics.BlocksFree = statistics.BlocksAvailable = (ulong)FreePages;
        return Errno.Ok;
    }

    public override void Release()
    {
        ((OverlayDirectory)RootInode).ReleaseTree();
        foreach (KeyValuePair<ulong, TmpInode> changed in _changed)
        {
            if (changed.Value is TmpDirectory directory)
                directory.ReleaseTree();
            else
                changed.Value.DropLinks();
        }

        _changed.Clear();
        _lowerRoot.FileSystem.Release();
    }

    /// <summary>The inode that shows a lower file: the one it was changed into, or a new face.</summary>
    public TmpInode Wrap(Inode lower)
    {
        if (!_changed.IsEmpty && _changed.TryGetValue(lower.Number, out TmpInode? changed)
            && changed.Type == lower.Type)
            return changed;
        return lower.Type switch
        {
            FileType.Directory => new OverlayDirectory(this, lower),
            FileType.Regular => WrapFile(lower),
            _ => new OverlaySpecial(this, lower),
        };
    }

    /// <summary>Serialises copy-up of a file.</summary>
    public RankedLock CopyUpLock(ulong number) => _copyUpLocks[(int)(number % (ulong)_copyUpLocks.Length)];

    /// <summary>
    /// Makes a lower file's attributes its face's own, once; from then on the face stands for the lower file. ENOSPC.
    /// </summary>
    public Errno BeginChange<TFace>(TFace face, Inode lower)
        where TFace : TmpInode, IOverlayFace
    {
        if (face.IsOwn)
            return Errno.Ok;
        using (CopyUpLock(face.Number).Enter())
        {
            if (face.IsOwn)
                return Errno.Ok;
            Stat stat = default;
            if (CopyAttributesUp(face, lower, ref stat) is not Errno.Ok and Errno error)
                return error;
            face.BecomeOwn(in stat);
            return Errno.Ok;
        }
    }

    private Errno CopyAttributesUp(TmpInode face, Inode lower, ref Stat stat)
    {
        stat = new Stat { Mode = lower.Mode, UserId = lower.UserId, GroupId = lower.GroupId, Inode =
            lower.Number, LinkCount = 1 };
        if (lower.GetAttributes(ref stat) is not Errno.Ok and Errno error)
            return error;
        Result<ExtendedAttributeSet> copied = CopyExtendedAttributes(lower, DentryCharge!);
        if (copied.Failed(out ExtendedAttributeSet? extended, out Errno refused) && refused != Errno.ENODATA)
            return refused;
        if (lower.IsDirectory)
            stat.LinkCount = OverlayDirectory.UncountedLinks;
        if (face.AdoptAttributes(stat, extended) is not Errno.Ok and Errno full)
        {
            extended?.Clear();
            return full;
        }

        _changed[lower.Number] = face;
        return Errno.Ok;
    }

    /// <summary>A changed file lost its last name and its last open file.</summary>
    public void Forget(Inode lower, TmpInode face) =>
        ((ICollection<KeyValuePair<ulong, TmpInode>>)_changed).Remove(
            new KeyValuePair<ulong, TmpInode>(lower.Number, face));

    // ENODATA if there are none: null is no value of a Result.
    private static Result<ExtendedAttributeSet> CopyExtendedAttributes(Inode lower, CollectedCharge charge)
    {
        if (lower.ListExtendedAttributes().Failed(out byte[]? names, out _) || names.Length == 0)
            return Errno.ENODATA;
        ExtendedAttributeSet set = new(charge);
        ReadOnlySpan<byte> rest = names;
        while (rest.IndexOf((byte)0) is > 0 and int end)
        {
            ReadOnlySpan<byte> name = rest[..end];
            rest = rest[(end + 1)..];
            if (!ExtendedAttributeSet.IsSupported(name)
                || lower.GetExtendedAttribute(name).Failed(out byte[]? value, out _))
                continue;
            if (set.Set(name, value, 0) is not Errno.Ok and Errno error)
            {
                set.Clear();
                return error;
            }
        }

        return set;
    }

    private TmpInode WrapFile(Inode lower)
    {
        Stat stat = default;
        if (lower.GetAttributes(ref stat) != Errno.Ok || stat.LinkCount <= 1)
            return new OverlayFile(this, lower);

        if (_linked.Count > _linkedLimit)
            SweepLinked();
        OverlayFile face = new(this, lower);
        WeakReference<TmpInode> reference = _linked.GetOrAdd(
            lower.Number, static (_, made) => new WeakReference<TmpInode>(made), face);
        lock (reference)
        {
            if (reference.TryGetTarget(out TmpInode? known))
                return known;
            reference.SetTarget(face);
            return face;
        }
    }

    private void SweepLinked()
    {
        foreach (KeyValuePair<ulong, WeakReference<TmpInode>> entry in _linked)
        {
            if (!entry.Value.TryGetTarget(out _))
                _linked.TryRemove(entry);
        }

        _linkedLimit = Math.Max(1024, _linked.Count * 2);
    }

    private sealed class LowerCaller : ICaller
    {
        public Credentials Credentials { get; } = new()
        {
            UserNamespace = UserNamespace.Root,
            Permitted = CapabilitySet.Full,
            Effective = CapabilitySet.Full,
        };

        public Memory.UserMemory Memory => default;

        // Regular files and directories need neither of these.
        public FsContext Fs => throw new System.Diagnostics.UnreachableException();

        public Sleeper Sleeper => throw new System.Diagnostics.UnreachableException();
    }
}
