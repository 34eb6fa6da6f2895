using System.Globalization;
using Sandbox.Linux;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Pts;

/// <summary>An open master side, from /dev/ptmx: the last reference hangs the terminal up.</summary>
internal sealed class MasterFile(Terminal terminal, Inode inode, VfsPath path, OpenFlags flags, Credentials credentials)
    : OpenFile(path, flags, credentials)
{
    public Terminal Terminal { get; } = terminal;

    public override Inode Inode => inode;

    public override string AnonymousName => "/dev/ptmx";

    public override WaitQueue? Waiters => Terminal.MasterWaiters;

    public override bool SendsIoSignals => true;

    public override bool WritesWholly => true;

    public override PollEvents Poll() => Terminal.PollMaster();

    public override Result<int> Read(Span<byte> destination) => Terminal.ReadMaster(destination);

    public override Result<int> Write(ReadOnlySpan<byte> source) => Terminal.WriteMaster(source);

    public override SyscallResult Control(ICaller caller, uint request, ulong argument)
    {
        const uint openPeer = 0x5441; // TIOCGPTPEER
        return request == openPeer
            ? OpenPeer(caller, (OpenFlags)(int)argument)
            : TerminalControl.Control(Terminal, isMaster: true, caller, request, argument);
    }

    // ioctl_tty(2): opens the slave without a path, whatever is mounted where.
    private SyscallResult OpenPeer(ICaller caller, OpenFlags wanted)
    {
        if (caller is not Kernel.Tasks.Task task || Terminal.FileSystem.FindSlave(Terminal.Index) is not { } node)
            return Errno.EIO;
        if (node.Open(node.PlaceBeside(Path), wanted, caller).Failed(out OpenFile? slave, out Errno error))
            return error;
        return task.Files.Install(slave, (wanted & OpenFlags.CloseOnExec) != 0, task.Group.Limits.OpenFiles);
    }

    protected override void OnRelease() => Terminal.CloseMaster();
}

/// <summary>An open slave side: what a shell has as its terminal.</summary>
internal sealed class SlaveFile : OpenFile
{
    private readonly Inode _inode;
    private readonly int _generation;
    private Deadline _readDeadline; // Of the read that waits by VTIME; Now if none does.

    /// <param name="terminal">The terminal; the open was counted in it.</param>
    /// <param name="generation">What counting it gave.</param>
    /// <param name="inode">The node.</param>
    /// <param name="path">Where it was opened.</param>
    /// <param name="flags">As open(2) got them.</param>
    /// <param name="credentials">Who opened it.</param>
    public SlaveFile(
        Terminal terminal, int generation, Inode inode, VfsPath path, OpenFlags flags, Credentials credentials)
        : base(path, flags, credentials)
    {
        (Terminal, _generation, _inode) = (terminal, generation, inode);
    }

    public Terminal Terminal { get; }

    public override Inode Inode => _inode;

    public override string AnonymousName => string.Create(CultureInfo.InvariantCulture, $"/dev/pts/{Terminal.Index}");

    public override WaitQueue? Waiters => Terminal.SlaveWaiters;

    public override bool SendsIoSignals => true;

    public override bool WritesWholly => true;

    public override PollEvents Poll() => Terminal.PollSlave(_generation);

    public override Deadline TransferDeadline(bool isWrite) => isWrite ? Deadline.Never : Terminal.ReadDeadline();

    public override Errno BeforeTransfer(ICaller caller, bool isWrite) =>
        isWrite ? JobControl.CheckWrite(Terminal, caller) : JobControl.CheckRead(Terminal, caller);

    public override Result<int> Read(Span<byte> destination)
    {
        Result<int> result = Terminal.ReadSlave(destination, _generation, IsNonBlocking);
        if (result.Error != Errno.EAGAIN || IsNonBlocking || !Terminal.EndsReadByTime)
        {
            _readDeadline = Deadline.Now;
            return result;
        }

        // The time runs from the first attempt; the last one, after it, is an end of file.
        if (_readDeadline.Nanoseconds == 0)
        {
            _readDeadline = Terminal.ReadDeadline();
            return Errno.EAGAIN;
        }

        if (!_readDeadline.HasPassed)
            return Errno.EAGAIN;
        _readDeadline = Deadline.Now;
        return 0;
    }

    public override Result<int> Write(ReadOnlySpan<byte> source) => Terminal.WriteSlave(source, _generation);

    public override SyscallResult Control(ICaller caller, uint request, ulong argument)
    {
        if ((Terminal.PollSlave(_generation) & PollEvents.HangUp) != 0)
            return Errno.EIO;
        return TerminalControl.Control(Terminal, isMaster: false, caller, request, argument);
    }

    protected override void OnRelease() => Terminal.CloseSlave();
}
