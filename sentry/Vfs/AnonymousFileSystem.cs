using Sandbox.Linux;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// A filesystem that is mounted nowhere and holds the inodes of files without a name (pipes, sockets, eventfds).
/// </summary>
internal sealed class AnonymousFileSystem : FileSystem
{
    private readonly string _typeName;
    private readonly long _magic;

    private AnonymousFileSystem(string typeName, long magic)
    {
        (_typeName, _magic) = (typeName, magic);
        RootInode = new AnonymousInode(this, (uint)FileType.Directory | 0x168); // 0550
    }

    // Magic numbers: include/uapi/linux/magic.h.
    public static AnonymousFileSystem Pipes { get; } = new("pipefs", 0x50495045);

    public static AnonymousFileSystem Sockets { get; } = new("sockfs", 0x534F434B);

    /// <summary>Namespaces, as /proc/PID/ns leads to them.</summary>
    public static AnonymousFileSystem Namespaces { get; } = new("nsfs", 0x6E736673);

    /// <summary>eventfd, timerfd, signalfd, epoll, pidfd, inotify.</summary>
    public static AnonymousFileSystem Anonymous { get; } = new("anon_inodefs", 0x09041934);

    public override string TypeName => _typeName;

    public override Inode RootInode { get; }

    public override Errno GetStatistics(out StatFs statistics)
    {
        statistics =
            new StatFs { Type = _magic, BlockBytes = 4096, FragmentBytes = 4096, NameMaxBytes = FileName.MaxBytes };
        return Errno.Ok;
    }
}

/// <summary>An inode without a name: what fstat(2) shows of a pipe, a socket or an anonymous file.</summary>
internal sealed class AnonymousInode : Inode
{
    private readonly long _created = HostClock.Now(HostClock.Realtime);

    public AnonymousInode(FileSystem fileSystem, uint mode, uint userId = 0, uint groupId = 0)
        : base(fileSystem, mode, userId, groupId)
    {
    }

    /// <summary>The one inode that all eventfds, epolls and their like share, as on Linux.</summary>
    public static AnonymousInode Shared { get; } = new(AnonymousFileSystem.Anonymous, Modes.O600); // No type bits.

    public override Errno GetAttributes(ref Stat stat)
    {
        Timespec time = Timespec.FromNanoseconds(_created);
        (stat.AccessTime, stat.ModifyTime, stat.ChangeTime) = (time, time, time);
        stat.BlockBytes = 4096;
        return Errno.Ok;
    }

    public override Errno SetAttributes(in AttributeChange change)
    {
        if (change.SizeBytes is not null)
            return Errno.EINVAL;
        Mode = change.Mode is { } mode ? (Mode & (uint)FileType.Mask) | (mode & ModeBits.All) : Mode;
        UserId = change.UserId ?? UserId;
        GroupId = change.GroupId ?? GroupId;
        return Errno.Ok;
    }

    /// <summary>Opening again through /proc/PID/fd: only pipes can be, and their own code does it.</summary>
    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller) =>
        Endpoint is IReopen endpoint ? endpoint.Open(path, flags, caller) : Errno.ENXIO;
}

/// <summary>An <see cref="Inode.Endpoint"/> that can be opened by name (a pipe, through /proc/PID/fd).</summary>
internal interface IReopen
{
    Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller);
}
