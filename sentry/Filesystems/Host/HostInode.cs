using Sandbox.Linux;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Host;

/// <summary>
/// A file description of the host that was passed in as stdio. The inode owns the descriptor and shares it with all
/// open files made of it, until the last is closed; the guest only ever sees reads and writes.
/// </summary>
internal sealed class HostInode : Inode, IHostReadiness
{
    private readonly Lock _lock = new();
    private ulong _pollId; // Guarded by _lock: 0 until somebody waits.
    private bool _isAlwaysReady; // Guarded by _lock.
    private int _opens; // Guarded by _lock.

    /// <param name="fd">The descriptor, which this object owns from now on.</param>
    /// <param name="stat">What fstat(2) says of it.</param>
    /// <param name="access">Its access mode.</param>
    /// <param name="userId">Owner the guest sees: the user the container runs as,
    /// so that it may open /dev/stdout.</param>
    /// <param name="groupId">Group the guest sees.</param>
    private HostInode(int fd, in Stat stat, OpenFlags access, uint userId, uint groupId)
        : base(AnonymousFileSystem.Anonymous, stat.Mode, userId, groupId)
    {
        (Fd, Access) = (fd, access);
        RawDevice = stat.RawDevice;
        IsTerminal = Type == FileType.CharacterDevice && HostTerminal.GetAttributes(fd, out _) == Errno.Ok;
    }

    /// <summary>The host's descriptor, never shown to a guest; -1 once the last open file is gone.</summary>
    public int Fd { get; private set; }

    /// <summary>The access mode of the host's file description.</summary>
    public OpenFlags Access { get; }

    public bool IsTerminal { get; }

    public override ulong RawDevice { get; }

    public WaitQueue Waiters { get; } = new();

    /// <summary>Takes a descriptor over; EBADF if it is none.</summary>
    public static Result<HostInode> Adopt(int fd, uint userId, uint groupId)
    {
        const int getStatusFlags = 3;
        if (HostFile.Stat(fd).Failed(out Stat stat, out Errno error))
            return error;
        if (HostFile.Control(fd, getStatusFlags, 0).Failed(out int flags, out error))
            return error;
        return new HostInode(fd, stat, (OpenFlags)flags & (OpenFlags.AccessMode | OpenFlags.Append), userId, groupId);
    }

    /// <summary>An open file with one reference, for a new container's descriptor table.</summary>
    public HostStreamFile OpenFirst(Security.Credentials credentials) => new(this, default, Access, credentials);

    public override Errno GetAttributes(ref Stat stat)
    {
        if (HostFile.Stat(Fd).Failed(out Stat host, out Errno error))
            return error;
        (stat.SizeBytes, stat.Blocks, stat.BlockBytes, stat.LinkCount) =
            (host.SizeBytes, host.Blocks, host.BlockBytes, 1);
        (stat.AccessTime, stat.ModifyTime, stat.ChangeTime) = (host.AccessTime, host.ModifyTime, host.ChangeTime);
        return Errno.Ok;
    }

    public override Errno SetAttributes(in AttributeChange change)
    {
        if (change.SizeBytes is { } size)
            return Access == OpenFlags.ReadOnly || !IsRegular ? Errno.EINVAL : HostFile.Truncate(Fd, size);
        return Errno.EPERM;
    }

    /// <summary>Opening /dev/stdout or /proc/self/fd/N again: another open file of the same description.</summary>
    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller)
    {
        OpenFlags wanted = flags & OpenFlags.AccessMode, has = Access & OpenFlags.AccessMode;
        if (has != OpenFlags.ReadWrite && wanted != has)
            return Errno.EACCES;
        lock (_lock)
        {
            if (Fd < 0)
                return Errno.ENXIO;
        }

        return new HostStreamFile(this, path, flags, caller.Credentials);
    }

    /// <summary>One more open file.</summary>
    public void AddOpen()
    {
        lock (_lock)
            _opens++;
    }

    /// <summary>
    /// One open file less; with the last the descriptor is closed, so that its other end sees the end.
    /// </summary>
    public void DropOpen()
    {
        lock (_lock)
        {
            if (--_opens != 0 || Fd < 0)
                return;
            if (_pollId != 0)
                HostPoller.Remove(Fd, _pollId);
            HostFile.Close(Fd);
            Fd = -1;
        }
    }

    /// <summary>Has the descriptor watched from now on.</summary>
    public void Watch()
    {
        lock (_lock)
        {
            if (_pollId != 0 || _isAlwaysReady || Fd < 0)
                return;
            if (HostPoller.Add(Fd, this).Failed(out _pollId, out _))
                _isAlwaysReady = true;
        }
    }

    void IHostReadiness.OnHostReady(PollEvents events)
    {
        // The flags of poll(2) come without their synonyms from some files.
        PollEvents all = events;
        if ((events & PollEvents.In) != 0)
            all |= PollEvents.Readable;
        if ((events & PollEvents.Out) != 0)
            all |= PollEvents.Writable;
        Waiters.Notify(all);
    }
}
