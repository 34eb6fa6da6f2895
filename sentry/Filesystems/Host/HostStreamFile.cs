using Sandbox.Linux;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Host;

/// <summary>
/// An open file over a descriptor that came from outside: the container's stdin, stdout and stderr. Its position is the
/// host's, shared with whoever else has the description.
/// </summary>
internal sealed class HostStreamFile : OpenFile
{
    private readonly HostInode _inode;

    public HostStreamFile(HostInode inode, VfsPath path, OpenFlags flags, Credentials credentials)
        : base(path, flags, credentials)
    {
        _inode = inode;
        inode.AddOpen();
    }

    public override Inode Inode => _inode;

    public override string AnonymousName => _inode.Type switch
    {
        FileType.Fifo => $"pipe:[{_inode.Number}]",
        FileType.Socket => $"socket:[{_inode.Number}]",
        FileType.CharacterDevice => "/dev/console",
        _ => $"host:[{_inode.Number}]",
    };

    public override bool WritesWholly => !IsSeekable;

    public override bool IsSeekable => _inode.IsRegular || _inode.Type == FileType.BlockDevice;

    public override bool SendsIoSignals => !IsSeekable;

    public override WaitQueue? Waiters
    {
        get
        {
            if (IsSeekable)
                return null;
            _inode.Watch();
            return _inode.Waiters;
        }
    }

    public override PollEvents Poll()
    {
        PollEvents events = HostPoll.Now(
            _inode.Fd, PollEvents.In | PollEvents.Out | PollEvents.Priority | PollEvents.ReadHangUp);
        if ((events & PollEvents.In) != 0)
            events |= PollEvents.ReadNormal;
        if ((events & PollEvents.Out) != 0)
            events |= PollEvents.WriteNormal;
        return events;
    }

    public override Result<int> Read(Span<byte> destination) => _inode.Type switch
    {
        FileType.Socket => HostNonBlocking.ReceiveSocket(_inode.Fd, destination),
        FileType.Fifo or FileType.CharacterDevice => HostNonBlocking.Read(_inode.Fd, destination),
        _ => HostFile.Read(_inode.Fd, destination),
    };

    public override Result<int> Write(ReadOnlySpan<byte> source) => _inode.Type switch
    {
        FileType.Socket => HostNonBlocking.SendSocket(_inode.Fd, source),
        FileType.Fifo or FileType.CharacterDevice => HostNonBlocking.Write(_inode.Fd, source),
        _ => HostFile.Write(_inode.Fd, source),
    };

    public override Result<int> ReadAt(Span<byte> destination, long offset) =>
        IsSeekable ? HostFile.ReadAt(_inode.Fd, destination, offset) : Errno.ESPIPE;

    public override Result<int> WriteAt(ReadOnlySpan<byte> source, long offset) =>
        IsSeekable ? HostFile.WriteAt(_inode.Fd, source, offset) : Errno.ESPIPE;

    public override Result<long> Seek(long offset, SeekWhence whence) =>
        IsSeekable ? HostFile.Seek(_inode.Fd, offset, whence) : Errno.ESPIPE;

    public override Errno Synchronize(bool dataOnly) => _inode.IsRegular ? Errno.Ok : Errno.EINVAL;

    public override Result<int> GetMappingFd(MapFlags flags, MemoryProtection protection)
    {
        // The host's description must not allow more than this open file does.
        bool allowsNoMore = (_inode.Access & OpenFlags.AccessMode) == (Flags & OpenFlags.AccessMode);
        return _inode.IsRegular && allowsNoMore ? _inode.Fd : Errno.ENODEV;
    }

    public override SyscallResult Control(ICaller caller, uint request, ulong argument)
    {
        const uint getWindowSize = 0x5413;
        UserAddress address = new(argument);
        if (request == Ioctl.BytesReadable && !IsSeekable)
        {
            return HostTerminal.GetReadableBytes(_inode.Fd).Failed(out int count, out Errno error)
                ? error
                : caller.Memory.Write(new UserPtr<int>(address), count);
        }

        if (!_inode.IsTerminal)
            return Errno.ENOTTY;
        if (request == getWindowSize)
        {
            Errno failed = HostTerminal.GetWindowSize(_inode.Fd, out WindowSize size);
            return failed != Errno.Ok ? failed : caller.Memory.Write(new UserPtr<WindowSize>(address), size);
        }

        if (!TermiosForms.IsGet(request) && !TermiosForms.IsSet(request))
            return Errno.ENOTTY;
        if (HostTerminal.GetAttributes(_inode.Fd, out Termios termios) is not Errno.Ok and Errno unread)
            return unread;
        Termios2 attributes = TermiosForms.WithSpeeds(termios);
        if (TermiosForms.IsGet(request))
            return TermiosForms.Write(caller, request, address, attributes);
        return TermiosForms.Read(caller, request, address, ref attributes) is not Errno.Ok and Errno fault
            ? fault
            : HostTerminal.SetAttributes(_inode.Fd, attributes.Termios, TermiosForms.ManyOf(request));
    }

    protected override void OnRelease() => _inode.DropOpen();
}
