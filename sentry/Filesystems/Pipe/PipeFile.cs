using Sandbox.Linux;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Pipe;

/// <summary>One open end of a pipe or FIFO (both ends at once, if a FIFO is opened O_RDWR).</summary>
internal sealed class PipeFile : OpenFile
{
    private readonly bool _reads;
    private readonly bool _writes;

    /// <summary>Its end must be counted in <paramref name="pipe"/> already; the last reference closes it.</summary>
    public PipeFile(PipeBuffer pipe, Inode inode, VfsPath path, OpenFlags flags, Credentials credentials)
        : base(path, flags, credentials)
    {
        (Pipe, Inode) = (pipe, inode);
        (_reads, _writes) = (IsReadable, IsWritable);
    }

    public PipeBuffer Pipe { get; }

    public override Inode Inode { get; }

    public override WaitQueue? Waiters => Pipe.Waiters;

    public override bool SendsIoSignals => true;

    public override string AnonymousName => $"pipe:[{Inode.Number}]";

    public override bool WritesWholly => true;

    /// <summary>A <see cref="WriterOpensBefore"/> of ends that had a writer from the start.</summary>
    public const int HangsUpAtOnce = -1;

    /// <summary>
    /// For a non-blocking reader that came before any writer: how often the FIFO had been opened for writing by then,
    /// which tells "no writer yet" from "no longer".
    /// </summary>
    public int WriterOpensBefore { get; init; } = HangsUpAtOnce;

    public override PollEvents Poll() => Pipe.Poll(this);

    public override Result<int> Read(Span<byte> destination) => Pipe.Read(destination);

    public override Result<int> Write(ReadOnlySpan<byte> source) => Pipe.Write(source, (Flags & OpenFlags.Direct) != 0);

    public override SyscallResult Control(ICaller caller, uint request, ulong argument) =>
        request == Ioctl.BytesReadable
            ? caller.Memory.Write(new UserPtr<int>(new UserAddress(argument)), Pipe.Count)
            : Errno.ENOTTY;

    protected override void OnRelease() => Pipe.Close(_reads, _writes);
}
