using Sandbox.Linux;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// An inode whose attributes live in memory and nowhere else: the base of what proc, sysfs,
/// devpts and their like are made of.
/// </summary>
internal abstract class SyntheticInode : Inode
{
    // Single words, written without a lock: the last writer wins, as on Linux.
    private long _accessTime;
    private long _modifyTime;
    private long _changeTime;

    protected SyntheticInode(FileSystem fileSystem, uint mode, uint userId = 0, uint groupId = 0)
        : base(fileSystem, mode, userId, groupId)
    {
        _accessTime = _modifyTime = _changeTime = HostClock.Now(HostClock.Realtime);
    }

    /// <summary>st_size; most generated files say 0.</summary>
    protected virtual long SizeBytes => 0;

    /// <summary>st_nlink.</summary>
    protected virtual uint LinkCount => 1;

    public override Errno GetAttributes(ref Stat stat)
    {
        stat.LinkCount = LinkCount;
        stat.SizeBytes = SizeBytes;
        stat.BlockBytes = 4096;
        stat.AccessTime = Timespec.FromNanoseconds(_accessTime);
        stat.ModifyTime = Timespec.FromNanoseconds(_modifyTime);
        stat.ChangeTime = Timespec.FromNanoseconds(_changeTime);
        return Errno.Ok;
    }

    /// <summary>
    /// Takes owner, permissions and times; a size only as O_TRUNC gives it to a writable generated file (ignored).
    /// </summary>
    public override Errno SetAttributes(in AttributeChange change)
    {
        if (change.SizeBytes is not null && !IsRegular)
            return Errno.EINVAL;
        if (change.Mode is { } mode)
            Mode = (Mode & (uint)FileType.Mask) | (mode & ModeBits.All);
        UserId = change.UserId ?? UserId;
        GroupId = change.GroupId ?? GroupId;
        _accessTime = change.AccessTime ?? _accessTime;
        _modifyTime = change.ModifyTime ?? _modifyTime;
        _changeTime = HostClock.Now(HostClock.Realtime);
        return Errno.Ok;
    }

    /// <summary>Something was written or an entry came or went.</summary>
    protected void Touch() => _modifyTime = _changeTime = HostClock.Now(HostClock.Realtime);

    /// <summary>All three times become now.</summary>
    protected void StampAll() => _accessTime = _modifyTime = _changeTime = HostClock.Now(HostClock.Realtime);
}
