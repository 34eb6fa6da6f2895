using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Event;

/// <summary>
/// A signalfd (signalfd(2)): takes blocked signals of the task that made it, and of its process, as records. (Linux
/// takes those of whoever reads; a child that inherits the descriptor without exec is the one who can tell.)
/// </summary>
internal sealed class SignalFile(Task owner, SignalSet signals, OpenFlags flags, Credentials credentials)
    : OpenFile(default, OpenFlags.ReadWrite | flags, credentials)
{
    /// <summary>sizeof(struct signalfd_siginfo).</summary>
    private const int RecordBytes = 128;

    private ulong _signals = signals.Mask;

    public override Inode Inode => AnonymousInode.Shared;

    public override string AnonymousName => "anon_inode:[signalfd]";

    public override WaitQueue Waiters { get; } = owner.Group.Handlers.FileWaiters;

    /// <summary>Which signals it takes; SIGKILL and SIGSTOP never.</summary>
    public SignalSet Signals
    {
        get => new(Volatile.Read(ref _signals));
        set
        {
            Volatile.Write(ref _signals, value.Mask);
            Waiters.Notify(PollEvents.Readable);
        }
    }

    public override void Describe(ICaller reader, ByteBuilder text) =>
        text.Append("sigmask:\t"u8).AppendHex(Signals.Mask, 16).Append((byte)'\n');

    public override PollEvents Poll()
    {
        using (owner.Kernel.Tree.Enter())
            return (SignalQueues.PendingOf(owner) & Signals).IsEmpty ? PollEvents.None : PollEvents.Readable;
    }

    public override Result<int> Read(Span<byte> destination)
    {
        if (destination.Length < RecordBytes)
            return Errno.EINVAL;
        int done = 0;
        using (owner.Kernel.Tree.Enter())
        {
            while (destination.Length - done >= RecordBytes
                && SignalQueues.TryTake(owner, Signals, out SignalInfo info))
            {
                Write(info, destination.Slice(done, RecordBytes));
                done += RecordBytes;
            }
        }

        return done == 0 ? Errno.EAGAIN : done;
    }

    /// <summary>struct signalfd_siginfo of a siginfo: which fields mean something depends on the code.</summary>
    private static void Write(in SignalInfo info, Span<byte> record)
    {
        record.Clear();
        BinaryPrimitives.WriteInt32LittleEndian(record, info.Number);
        BinaryPrimitives.WriteInt32LittleEndian(record[4..], info.Error);
        BinaryPrimitives.WriteInt32LittleEndian(record[8..], info.Code);
        bool isFault = info.Code > 0 && info.Code != SignalInfo.CodeKernel && info.Signal != Signal.Child;
        if (isFault)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(record[72..], info.Address);
            return;
        }

        if (info.Code == SignalInfo.CodeTimer)
        {
            BinaryPrimitives.WriteInt32LittleEndian(record[24..], info.TimerId);
            BinaryPrimitives.WriteInt32LittleEndian(record[32..], info.Overrun);
        }
        else
        {
            BinaryPrimitives.WriteInt32LittleEndian(record[12..], info.SenderPid);
            BinaryPrimitives.WriteUInt32LittleEndian(record[16..], info.SenderUserId);
        }

        if (info.Signal == Signal.Child && info.Code > 0)
        {
            BinaryPrimitives.WriteInt32LittleEndian(record[40..], info.Status);
            BinaryPrimitives.WriteInt64LittleEndian(record[56..], info.UserTimeTicks);
            BinaryPrimitives.WriteInt64LittleEndian(record[64..], info.SystemTimeTicks);
        }
        else
        {
            BinaryPrimitives.WriteInt32LittleEndian(record[44..], info.Status);
            BinaryPrimitives.WriteUInt64LittleEndian(record[48..], info.Value);
        }
    }
}
