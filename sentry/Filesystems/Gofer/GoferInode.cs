using System.Diagnostics;
using Sandbox.Gofer.Protocol;
using Sandbox.Linux;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>Where an inode is reached: one of its names. Replaced as a whole.</summary>
internal sealed record Place(GoferDirectory Parent, FileName Name);

/// <summary>
/// A file of the host. Its attributes are cached; it is named to the Gofer by a handle, if it has one, or by its
/// parent's handle and its name.
/// </summary>
internal abstract class GoferInode : Inode
{
    private static readonly RankedLock[] _locks = MakeLocks();

    private readonly ulong _hostDevice;
    private readonly ulong _hostInode;
    private volatile Place? _place;
    private uint _handle; // 0: none. Changed by Interlocked.
    private volatile bool _wasUsed; // The handle, since the cache last looked.
    private volatile bool _isStale; // Attributes changed on the host by what this sandbox did.
    private volatile bool _lacksFileCapabilities; // Of an exclusive tree; every execve asks.
    private long _checkedTicks;

    // Guarded by Lock; so are changes of Mode, UserId and GroupId.
    private ulong _linkCount;
    private ulong _rawDevice;
    private long _sizeBytes;
    private long _blockBytes;
    private long _blocks;
    private Timespec _accessTime;
    private Timespec _modifyTime;
    private Timespec _changeTime;

    protected GoferInode(GoferFileSystem fileSystem, in GoferAttributes attributes, Place? place)
        : base(fileSystem, attributes.Mode, attributes.UserId, attributes.GroupId)
    {
        Gofer = fileSystem;
        _place = place;
        (_hostDevice, _hostInode) = (attributes.Device, attributes.Inode);
        Number = fileSystem.Numbers.Of(attributes.Device, attributes.Inode);
        Apply(attributes);
    }

    public override ulong RawDevice => Type is FileType.CharacterDevice or FileType.BlockDevice ? _rawDevice : 0;

    /// <summary>The filesystem.</summary>
    public GoferFileSystem Gofer { get; }

    /// <summary>What the host calls it.</summary>
    public (ulong Device, ulong Inode) HostId => (_hostDevice, _hostInode);

    public bool HasHandle => Volatile.Read(ref _handle) != 0;

    /// <summary>For <see cref="HandleCache"/>, guarded by its lock.</summary>
    public bool IsQueued { get; set; }

    /// <summary>A name of the file; null for a root, or when the last known name was removed.</summary>
    public Place? Place => _place;

    /// <summary>Names, as far as known.</summary>
    public ulong LinkCount => Volatile.Read(ref _linkCount);

    protected GoferClient Client => Gofer.Client;

    private RankedLock Lock => _locks[(int)(_hostInode & (ulong)(_locks.Length - 1))];

    public override bool Revalidate()
    {
        if (_place is not { } place || !Gofer.IsOutdated(_checkedTicks, IsDirectory))
            return true;
        _isStale = false; // Before the question: what happens during it counts for the next.
        if (place.Parent.EnsureHandle().Failed(out uint parent, out _)
            || Client.GetAttributes(parent, place.Name.Bytes, out GoferAttributes attributes) != Errno.Ok
            || !IsSame(attributes))
            return false;
        if (attributes.ChangeTime != _changeTime)
            ChangedOutside();
        Apply(attributes);
        return true;
    }

    public override Errno GetAttributes(ref Stat stat)
    {
        if ((_isStale || Gofer.IsOutdated(_checkedTicks)) && Refresh() is not Errno.Ok and Errno error)
            return error;
        using (Lock.Enter())
        {
            (stat.Mode, stat.UserId, stat.GroupId, stat.LinkCount) = (Mode, UserId, GroupId, _linkCount);
            (stat.SizeBytes, stat.BlockBytes, stat.Blocks) = (_sizeBytes, _blockBytes, _blocks);
            (stat.AccessTime, stat.ModifyTime, stat.ChangeTime) = (_accessTime, _modifyTime, _changeTime);
        }

        return Errno.Ok;
    }

    public override Errno SetAttributes(in AttributeChange change)
    {
        if (Locate(out uint handle, out FileName name) is not Errno.Ok and Errno error)
            return error;
        SetAttributesRequest request = new()
        {
            Handle = handle,
            Mask = (change.Mode is null ? 0 : AttributeMask.Mode)
                | (change.UserId is null ? 0 : AttributeMask.UserId)
                | (change.GroupId is null ? 0 : AttributeMask.GroupId)
                | (change.SizeBytes is null ? 0 : AttributeMask.Size)
                | (change.AccessTime is null ? 0 : AttributeMask.AccessTime)
                | (change.ModifyTime is null ? 0 : AttributeMask.ModifyTime),
            Mode = change.Mode.GetValueOrDefault() & ModeBits.All,
            UserId = change.UserId.GetValueOrDefault(),
            GroupId = change.GroupId.GetValueOrDefault(),
            SizeBytes = change.SizeBytes.GetValueOrDefault(),
            AccessTime = Timespec.FromNanoseconds(change.AccessTime.GetValueOrDefault()),
            ModifyTime = Timespec.FromNanoseconds(change.ModifyTime.GetValueOrDefault()),
        };
        error = Client.SetAttributes(request, NameBytes(name), out GoferAttributes attributes);
        if (error == Errno.Ok && IsSame(attributes))
            Apply(attributes);
        else
            MarkStale(); // Part of it may have been done.
        _place?.Parent.MarkListingStale();
        return error;
    }

    public override Result<byte[]> GetExtendedAttribute(ReadOnlySpan<byte> name)
    {
        bool isCapability = name.SequenceEqual("security.capability"u8);
        if (!IsServed(name))
            return Errno.EOPNOTSUPP;
        if (isCapability && _lacksFileCapabilities)
            return Errno.ENODATA;
        if (Locate(out uint handle, out FileName fileName) is not Errno.Ok and Errno error)
            return error;
        Result<byte[]> value = Client.GetXattr(handle, NameBytes(fileName), name);
        if (isCapability && Gofer.IsSandboxOwned && value.Error is Errno.ENODATA or Errno.EOPNOTSUPP)
            _lacksFileCapabilities = true;
        return value;
    }

    public override Errno SetExtendedAttribute(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, int flags)
    {
        if (!IsServed(name))
            return Errno.EOPNOTSUPP;
        if (Locate(out uint handle, out FileName fileName) is not Errno.Ok and Errno error)
            return error;
        error = Client.SetXattr(handle, NameBytes(fileName), name, value, (uint)flags);
        _lacksFileCapabilities = false;
        MarkStale();
        return error == Errno.Ok && name.StartsWith("system."u8) ? Refresh() : error; // An ACL changes the mode.
    }

    public override Errno RemoveExtendedAttribute(ReadOnlySpan<byte> name)
    {
        if (!IsServed(name))
            return Errno.EOPNOTSUPP;
        if (Locate(out uint handle, out FileName fileName) is not Errno.Ok and Errno error)
            return error;
        MarkStale();
        return Client.RemoveXattr(handle, NameBytes(fileName), name);
    }

    public override Result<byte[]> ListExtendedAttributes()
    {
        if (Locate(out uint handle, out FileName fileName) is not Errno.Ok and Errno error)
            return error;
        return Client.ListXattr(handle, NameBytes(fileName));
    }

    public override void Forget()
    {
        Gofer.Session.Handles.Drop(TakeHandle());
        Gofer.ForgetLinked(this);
    }

    /// <summary>
    /// A handle of this file: the one it has, or a new one by a walk from the nearest ancestor that has one. ESTALE.
    /// </summary>
    internal Result<uint> EnsureHandle()
    {
        uint handle = Volatile.Read(ref _handle);
        if (handle == 0)
            return HandleWalk.To(this);
        _wasUsed = true;
        return handle;
    }

    /// <summary>The handle, or 0.</summary>
    internal uint PeekHandle()
    {
        uint handle = Volatile.Read(ref _handle);
        if (handle != 0)
            _wasUsed = true;
        return handle;
    }

    /// <summary>
    /// Takes over a handle the Gofer gave for this file, if it gave one; if there is one already, the new one is
    /// dropped. Answers the one to use now, even if the cache takes it away again.
    /// </summary>
    internal uint SetHandle(uint handle)
    {
        if (handle == 0)
            return 0;
        uint known = Interlocked.CompareExchange(ref _handle, handle, 0);
        if (known != 0)
        {
            Client.Close(handle); // Nobody else ever saw it.
            return known;
        }

        _wasUsed = true;
        Gofer.Session.Handles.Added(this);
        return handle;
    }

    /// <summary>Takes the handle away, 0 if there is none: the caller drops it.</summary>
    internal uint TakeHandle() => Interlocked.Exchange(ref _handle, 0);

    /// <summary>For the cache of handles: can be found again, and was not used since it asked last.</summary>
    internal bool MayLoseHandle()
    {
        bool wasUsed = _wasUsed;
        _wasUsed = false;
        return !wasUsed && _place is not null;
    }

    /// <summary>True if attributes are those of this very file.</summary>
    internal bool IsSame(in GoferAttributes attributes) =>
        attributes.Inode == _hostInode && attributes.Device == _hostDevice && attributes.Type == Type;

    /// <summary>Something this sandbox did changed attributes on the host.</summary>
    internal void MarkStale()
    {
        _isStale = true;
        NotifyChange();
    }

    /// <summary>The file moved, or (null) lost the name it was known by.</summary>
    internal void SetPlace(Place? place) => _place = place;

    /// <summary>
    /// Before a name goes: a file that will be reached by no known name, but may still be used, needs a handle.
    /// The name is
    /// <paramref name="name"/> in <paramref name="directory"/>.
    /// </summary>
    internal virtual void PrepareForNameLoss(GoferDirectory directory, ReadOnlySpan<byte> name)
    {
        if (!IsDirectory && LinkCount > 1 && IsKnownAs(directory, name))
            EnsureHandle();
    }

    /// <summary>A name is gone.</summary>
    internal virtual void LostName(GoferDirectory directory, ReadOnlySpan<byte> name)
    {
        if (IsKnownAs(directory, name))
            _place = null;
        using (Lock.Enter())
            _linkCount = IsDirectory ? 0 : _linkCount - Math.Min(_linkCount, 1);
        if (LinkCount == 0)
            LostLastName();
        MarkStale();
    }

    /// <summary>
    /// Nothing names it any more: a handle would only keep it alive on the host. What is known of it stays.
    /// </summary>
    protected virtual void LostLastName()
    {
        Gofer.ForgetLinked(this);
        Gofer.Session.Handles.Drop(TakeHandle());
    }

    /// <summary>It may have been changed by others, or even be a new file with the number of a removed one.</summary>
    protected virtual void ChangedOutside()
    {
    }

    /// <summary>Takes attributes over from the host.</summary>
    internal void Apply(in GoferAttributes attributes)
    {
        using (Lock.Enter())
        {
            (Mode, UserId, GroupId) = (attributes.Mode, attributes.UserId, attributes.GroupId);
            (_linkCount, _rawDevice) = (attributes.LinkCount, attributes.RawDevice);
            (_sizeBytes, _blockBytes, _blocks) = (attributes.SizeBytes, attributes.BlockBytes, attributes.Blocks);
            (_accessTime, _modifyTime, _changeTime) =
                (attributes.AccessTime, attributes.ModifyTime, attributes.ChangeTime);
        }

        OnRefreshed();
    }

    /// <summary>
    /// The same from fstat(2) of a descriptor, but for the owner:
    /// the Sentry's own user namespace does not know the ids.
    /// </summary>
    protected void Apply(in Stat stat)
    {
        using (Lock.Enter())
        {
            (Mode, _linkCount) = (stat.Mode, stat.LinkCount);
            (_sizeBytes, _blockBytes, _blocks) = (stat.SizeBytes, stat.BlockBytes, stat.Blocks);
            (_accessTime, _modifyTime, _changeTime) = (stat.AccessTime, stat.ModifyTime, stat.ChangeTime);
        }

        OnRefreshed();
    }

    private void OnRefreshed()
    {
        _checkedTicks = Stopwatch.GetTimestamp();
        NotifyChange();
    }

    /// <summary>Asks the host for the attributes now. Errors: ESTALE, ENOENT, EIO.</summary>
    protected virtual Errno Refresh()
    {
        _isStale = false; // Before the question: what happens during it counts for the next.
        if (_place is null && !HasHandle)
            return Errno.Ok; // Removed, and nobody held it: nothing changes any more.
        if (Locate(out uint handle, out FileName name) is not Errno.Ok and Errno error)
            return error;
        error = Client.GetAttributes(handle, NameBytes(name), out GoferAttributes attributes);
        if (error == Errno.Ok && !IsSame(attributes))
            error = Errno.ESTALE;
        if (error == Errno.Ok)
            Apply(attributes);
        return error;
    }

    /// <summary>
    /// How to name this file to the Gofer: by its own handle and no name, or by its parent's and its name. Errors:
    /// ESTALE.
    /// </summary>
    protected Errno Locate(out uint handle, out FileName name)
    {
        name = default;
        handle = PeekHandle();
        if (handle != 0)
            return Errno.Ok;
        if (_place is not { } place)
            return Errno.ESTALE;
        name = place.Name;
        return place.Parent.EnsureHandle().Failed(out handle, out Errno error) ? error : Errno.Ok;
    }

    /// <summary>Resets what <see cref="Refresh"/> is called for, for overrides that ask in another way.</summary>
    protected void MarkRefreshed() => _isStale = false;

    /// <summary>The bytes of a name from <see cref="Locate"/>, which may be none.</summary>
    protected static ReadOnlySpan<byte> NameBytes(FileName name) => name.Bytes;

    private static bool IsServed(ReadOnlySpan<byte> name) =>
        name.StartsWith("user."u8) || name.SequenceEqual("security.capability"u8)
        || name.SequenceEqual("system.posix_acl_access"u8) || name.SequenceEqual("system.posix_acl_default"u8);

    private bool IsKnownAs(GoferDirectory directory, ReadOnlySpan<byte> name) =>
        _place is { } place && place.Parent == directory && place.Name.Bytes.SequenceEqual(name);

    private static RankedLock[] MakeLocks()
    {
        RankedLock[] locks = new RankedLock[64];
        for (int i = 0; i < locks.Length; i++)
            locks[i] = new RankedLock(LockRank.File);
        return locks;
    }
}
