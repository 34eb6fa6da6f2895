using System.Globalization;
using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.PosixQueues;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Mqueue;

/// <summary>
/// An open message queue: what mq_open(2) gives, and open(2) of its file as well. Reading it tells its state.
/// </summary>
internal sealed class MqueueFile(MqueueInode inode, VfsPath path, OpenFlags flags, ICaller opener)
    : SeekableFile(path, flags, opener.Credentials)
{
    // Linux shows the pid as the reader sees it; who reads a queue's file has nearly always opened it.
    private readonly PidNamespace? _pids = (opener as Task)?.PidNamespace;

    public override Inode Inode => inode;

    public PosixQueue Queue => inode.Queue;

    public override WaitQueue Waiters => Queue.Waiters;

    public override PollEvents Poll() => Queue.Poll();

    public override Result<int> ReadAt(Span<byte> destination, long offset)
    {
        if (offset < 0)
            return Errno.EINVAL;
        (long bytes, QueueNotice? notice) = Queue.Describe();
        int kind = notice is null ? 0 : (int)notice.Kind;
        int signal = notice is { Kind: NoticeKind.Signal } ? notice.Signal : 0;
        int owner = notice is null || _pids is null ? 0 : notice.Owner.Id.In(_pids);
        byte[] text = Encoding.ASCII.GetBytes(string.Create(
            CultureInfo.InvariantCulture,
            $"QSIZE:{bytes,-10} NOTIFY:{kind,-5} SIGNO:{signal,-5} NOTIFY_PID:{owner,-6}\n"));
        if (offset >= text.Length)
            return 0;
        int count = (int)Math.Min(destination.Length, text.Length - offset);
        text.AsSpan((int)offset, count).CopyTo(destination);
        return count;
    }

    public override Errno Flush(FdTable closer)
    {
        Queue.RemoveNotice(closer);
        return Errno.Ok;
    }

    /// <summary>A message came or went: the times of the file.</summary>
    public void Stamp() => inode.Stamp();

    protected override Result<int> WriteAt(ReadOnlySpan<byte> source, ref long offset, bool isAppend) => Errno.EINVAL;

    protected override Result<long> GetSize() => MqueueInode.FileBytes;

    protected override void OnRelease() => inode.DropOpen();
}
