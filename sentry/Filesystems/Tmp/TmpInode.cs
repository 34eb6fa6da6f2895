using System.Diagnostics;
using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Tmp;

/// <summary>
/// A file in memory: attributes, link count, extended attributes. What it contains is up to the derived class.
/// </summary>
internal abstract class TmpInode : Inode
{
    private const long Day = 86_400_000_000_000;

    // A lock per file would weigh more than many a small file; nobody ever holds two of them.
    private static readonly RankedLock[] _locks = MakeLocks();

    private long _accessTime;
    private long _modifyTime;
    private long _changeTime;
    private int _links;
    private int _opens;
    private int _isCounted = 1; // As an inode of the filesystem.
    private int _chargedLinks; // Names beyond the first that are paid for.
    private ExtendedAttributeSet? _extendedAttributes; // Guarded by Lock.
    private PosixAcls? _acls; // What of it are lists. Guarded by Lock for writing.

    protected TmpInode(MemoryFileSystem fileSystem, in NewInode attributes)
        : base(fileSystem, attributes.Mode, attributes.UserId, attributes.GroupId)
    {
        Memory = fileSystem;
        Number = fileSystem.NextInodeNumber();
        _accessTime = _modifyTime = _changeTime = Now;
    }

    /// <summary>The face of a file in an overlay's lower layer: not counted, with one name that never goes.</summary>
    protected TmpInode(MemoryFileSystem fileSystem, Inode lower)
        : base(fileSystem, lower.Mode, lower.UserId, lower.GroupId)
    {
        Memory = fileSystem;
        Number = lower.Number;
        _isCounted = 0;
        _links = 1;
    }

    /// <summary>The filesystem, as the one that counts memory.</summary>
    public MemoryFileSystem Memory { get; }

    /// <summary>Names of the file. Changed by the directory operations.</summary>
    public int LinkCount => Volatile.Read(ref _links);

    /// <summary>Guards contents and attributes. Shared with unrelated files: never take two.</summary>
    protected RankedLock Lock => _locks[(int)(Number & (ulong)(_locks.Length - 1))];

    /// <summary>The time files are stamped with, nanoseconds since the epoch.</summary>
    protected static long Now => HostClock.Now(HostClock.Realtime);

    /// <summary>st_size.</summary>
    protected virtual long SizeBytes => 0;

    /// <summary>st_blocks in pages.</summary>
    protected virtual long Pages => 0;

    /// <summary>Bytes of text in the inode itself, which are charged with it.</summary>
    protected virtual int TextBytes => 0;

    /// <summary>Called before anything about the file changes; the overlay makes it its own here.</summary>
    public virtual Errno BeginChange() => Errno.Ok;

    /// <summary>One more name.</summary>
    public void AddLink()
    {
        Interlocked.Increment(ref _links);
        MarkChanged();
    }

    /// <summary>Charges for a further name. ENOSPC.</summary>
    public Errno TryTakeLink()
    {
        if (!Memory.DentryCharge!.TryAdd(ObjectCost.Link))
            return Errno.ENOSPC;
        Interlocked.Increment(ref _chargedLinks);
        return Errno.Ok;
    }

    /// <summary>Gives back what one further name costs, if any is paid for.</summary>
    public void ReturnLink()
    {
        if (Interlocked.Decrement(ref _chargedLinks) >= 0)
            Memory.DentryCharge!.Remove(ObjectCost.Link);
        else
            Interlocked.Increment(ref _chargedLinks);
    }

    /// <summary>Charges for a new inode. ENOSPC if there are too many.</summary>
    public Errno TryTakeInode() => Memory.TryTakeInode(TextBytes) ? Errno.Ok : Errno.ENOSPC;

    /// <summary>Gives back what <see cref="TryTakeInode"/> took.</summary>
    public void ReturnInode() => Memory.ReturnInode(TextBytes);

    /// <summary>One name less; without names and open files the contents go.</summary>
    public void DropLink()
    {
        int left = Interlocked.Decrement(ref _links);
        Debug.Assert(left >= 0, "link count below zero");
        if (left > 0 && !IsDirectory)
            ReturnLink();
        MarkChanged();
        DropContentIfUnused();
    }

    /// <summary>An open file refers to it from now on.</summary>
    public void AddOpen() => Interlocked.Increment(ref _opens);

    /// <summary>An open file is gone.</summary>
    public void DropOpen()
    {
        Interlocked.Decrement(ref _opens);
        DropContentIfUnused();
    }

    /// <summary>The file has no name any more, however many it had.</summary>
    public void DropLinks()
    {
        Volatile.Write(ref _links, 0);
        DropContentIfUnused(isReachable: false);
    }

    /// <summary>Nothing holds the file any more; without names it is gone now.</summary>
    public override void Forget() => DropContentIfUnused();

    public override Errno GetAttributes(ref Stat stat)
    {
        using (Lock.Enter())
        {
            stat.LinkCount = (ulong)LinkCount;
            stat.SizeBytes = SizeBytes;
            stat.BlockBytes = MemoryFileSystem.PageBytes;
            stat.Blocks = Pages * (MemoryFileSystem.PageBytes / 512);
            stat.AccessTime = Timespec.FromNanoseconds(_accessTime);
            stat.ModifyTime = Timespec.FromNanoseconds(_modifyTime);
            stat.ChangeTime = Timespec.FromNanoseconds(_changeTime);
        }

        return Errno.Ok;
    }

    public override Errno SetAttributes(in AttributeChange change)
    {
        if (BeginChange() is not Errno.Ok and Errno refused)
            return refused;
        if (change.SizeBytes is { } size && SetSize(size) is not Errno.Ok and Errno error)
            return error;
        using (Lock.Enter())
        {
            if (change.Mode is { } mode)
                SetMode(mode);
            UserId = change.UserId ?? UserId;
            GroupId = change.GroupId ?? GroupId;
            _accessTime = change.AccessTime ?? _accessTime;
            _modifyTime = change.ModifyTime ?? _modifyTime;
            MarkChanged();
        }

        return Errno.Ok;
    }

    public override bool KeepsAcls => true;

    public override PosixAcls? Acls => Volatile.Read(ref _acls);

    public override Result<byte[]> GetExtendedAttribute(ReadOnlySpan<byte> name)
    {
        if (!ExtendedAttributeSet.IsSupported(name))
            return Errno.EOPNOTSUPP;
        using (Lock.Enter())
            return _extendedAttributes is null ? Errno.ENODATA : _extendedAttributes.Get(name);
    }

    public override Errno SetExtendedAttribute(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, int flags)
    {
        if (!ExtendedAttributeSet.IsSupported(name))
            return Errno.EOPNOTSUPP;
        if (BeginChange() is not Errno.Ok and Errno refused)
            return refused;
        using (Lock.Enter())
        {
            if (LinkCount == 0 && Volatile.Read(ref _opens) == 0)
                return Errno.ENOENT; // What it holds is given back already.
            _extendedAttributes ??= new ExtendedAttributeSet(Memory.DentryCharge!);
            MarkChanged();
            Errno error = _extendedAttributes.Set(name, value, flags);
            ReadAcls();
            return error;
        }
    }

    public override Errno RemoveExtendedAttribute(ReadOnlySpan<byte> name)
    {
        if (!ExtendedAttributeSet.IsSupported(name))
            return Errno.EOPNOTSUPP;
        if (BeginChange() is not Errno.Ok and Errno refused)
            return refused;
        using (Lock.Enter())
        {
            MarkChanged();
            Errno error = _extendedAttributes?.Remove(name) ?? Errno.ENODATA;
            ReadAcls();
            return error;
        }
    }

    public override Result<byte[]> ListExtendedAttributes()
    {
        using (Lock.Enter())
            return _extendedAttributes?.List() ?? [];
    }

    public override void RemoveFileCapabilities()
    {
        if (Volatile.Read(ref _extendedAttributes) is null)
            return;
        using (Lock.Enter())
            _extendedAttributes?.Remove("security.capability"u8);
    }

    /// <summary>Changes the size (truncate(2)). EINVAL, EISDIR….</summary>
    protected virtual Errno SetSize(long size) => Errno.EINVAL;

    /// <summary>Gives back everything the file holds; nobody can reach it any more.</summary>
    protected virtual void DropContent()
    {
    }

    /// <summary>
    /// Takes the attributes over from the lower layer (copy-up). ENOSPC if there are too many inodes.
    /// </summary>
    internal Errno AdoptAttributes(in Stat stat, ExtendedAttributeSet? extendedAttributes)
    {
        if (TryTakeInode() is not Errno.Ok and Errno full)
            return full;
        _isCounted = 1;
        _extendedAttributes = extendedAttributes;
        ReadAcls();
        Mode = stat.Mode;
        (UserId, GroupId) = (stat.UserId, stat.GroupId);
        (_accessTime, _modifyTime) = (stat.AccessTime.TotalNanoseconds, stat.ModifyTime.TotalNanoseconds);
        _changeTime = stat.ChangeTime.TotalNanoseconds;
        Volatile.Write(ref _links, (int)Math.Clamp(stat.LinkCount, 1, int.MaxValue));
        return Errno.Ok;
    }

    /// <summary>The lower layer changed under an overlay (a shared mount).</summary>
    internal void CopyOwner(Inode lower)
    {
        if (Mode != lower.Mode)
            Mode = lower.Mode;
        (UserId, GroupId) = (lower.UserId, lower.GroupId);
    }

    /// <summary>
    /// The contents changed. With <see cref="Lock"/> held, or where a torn order of times does not matter.
    /// </summary>
    internal void MarkModified()
    {
        _modifyTime = _changeTime = Now;
        NotifyChange();
    }

    /// <summary>The name or another attribute changed.</summary>
    internal void MarkChanged()
    {
        _changeTime = Now;
        NotifyChange();
    }

    /// <summary>The contents were read: the access time moves as relatime has it (mount(2)).</summary>
    internal void MarkAccessed(VfsPath path)
    {
        if (path.IsSome && (path.Mount.Flags & MountFlags.NoAccessTime) != 0)
            return;
        long now = Now;
        if (_accessTime > _modifyTime && _accessTime > _changeTime && now - _accessTime <= Day)
            return;
        _accessTime = now;
        NotifyChange();
    }

    // chmod(2) changes a list, too: the bits are its entries. With the lock held.
    private void SetMode(uint mode)
    {
        Mode = (Mode & (uint)FileType.Mask) | (mode & ModeBits.All);
        if (_acls?.Access is not { } acl)
            return;
        _extendedAttributes!.Set(PosixAcls.AccessName, acl.WithMode(mode).ToBytes(UserNamespace.Root), 0);
        ReadAcls();
    }

    // With the lock held, or before anybody else knows the file.
    private void ReadAcls()
    {
        if (_extendedAttributes is not null || _acls is not null)
            Volatile.Write(ref _acls, _extendedAttributes is { } set
                ? PosixAcls.Of(set.Get(PosixAcls.AccessName), set.Get(PosixAcls.DefaultName))
                : null);
    }

    // What O_PATH, a mount or a working directory still holds can be opened again by way of /proc/self/fd.
    private void DropContentIfUnused() => DropContentIfUnused(isReachable: IsUsed);

    private void DropContentIfUnused(bool isReachable)
    {
        if (LinkCount == 0 && Volatile.Read(ref _opens) == 0 && !isReachable)
        {
            DropContent();
            Forgotten();
        }
    }

    // Interlocked: dropping the last name and the last open file may race.
    private void Forgotten()
    {
        if (Interlocked.Exchange(ref _isCounted, 0) == 0)
            return;
        ReturnInode();
        while (Volatile.Read(ref _chargedLinks) > 0)
            ReturnLink();
        using (Lock.Enter())
        {
            _extendedAttributes?.Clear();
            _extendedAttributes = null;
            Volatile.Write(ref _acls, null);
        }
    }

    private static RankedLock[] MakeLocks()
    {
        RankedLock[] locks = new RankedLock[64];
        for (int index = 0; index < locks.Length; index++)
            locks[index] = new RankedLock(LockRank.File);
        return locks;
    }
}
