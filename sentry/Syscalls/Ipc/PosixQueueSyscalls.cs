using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Mqueue;
using Sandbox.Sentry.Kernel.PosixQueues;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>
/// POSIX message queues by name, and what they are told: mq_open(2), mq_unlink(2), mq_getsetattr(2), mq_notify(2).
/// Messages have a file of their own.
/// </summary>
internal static class PosixQueueSyscalls
{
    private const int MaxSignal = 64;

    public static SyscallResult Open(
        Task task, UserString name, OpenFlags flags, uint mode, UserPtr<QueueAttributes> attributes)
    {
        QueueAttributes? wanted = null;
        if (!attributes.IsNull)
        {
            if (task.Memory.Read(attributes, out QueueAttributes read) is not Errno.Ok and Errno fault)
                return fault;
            wanted = read;
        }

        Span<byte> buffer = stackalloc byte[UserMemory.MaxPathBytes];
        if (ReadName(task, name, buffer, out ReadOnlySpan<byte> text) is not Errno.Ok and Errno error)
            return error;
        if (task.Files.Reserve(task.Group.Limits.OpenFiles).Failed(out int number, out error))
            return error;
        Result<OpenFile> opened = CheckName(task, text) is not Errno.Ok and Errno refused
            ? refused
            : QueueNames.Open(task, text, flags, mode, wanted);
        if (opened.Failed(out OpenFile? file, out error))
        {
            task.Files.Unreserve(number);
            return error;
        }

        task.Files.Publish(number, file, closeOnExec: true);
        return number;
    }

    public static SyscallResult Unlink(Task task, UserString name)
    {
        Span<byte> buffer = stackalloc byte[UserMemory.MaxPathBytes];
        if (ReadName(task, name, buffer, out ReadOnlySpan<byte> text) is not Errno.Ok and Errno error)
            return error;
        if (CheckName(task, text) is not Errno.Ok and Errno refused)
            return refused;
        return RemoveOperations.Unlink(task, QueueNames.DirectoryOf(task), text);
    }

    public static SyscallResult GetSetAttributes(
        Task task, Fd fd, UserPtr<QueueAttributes> wanted, UserPtr<QueueAttributes> previous)
    {
        QueueAttributes change = default;
        if (!wanted.IsNull && task.Memory.Read(wanted, out change) is not Errno.Ok and Errno fault)
            return fault;
        if ((change.Flags & ~(long)OpenFlags.NonBlock) != 0)
            return Errno.EINVAL;
        if (Get(task, fd).Failed(out MqueueFile? file, out Errno error))
            return error;
        QueueAttributes old = new()
        {
            Flags = (long)(file.Flags & OpenFlags.NonBlock),
            MaxMessages = file.Queue.MaxMessages,
            MaxBytes = file.Queue.MaxBytes,
            Count = file.Queue.Count,
        };
        if (!wanted.IsNull)
            file.Flags = (file.Flags & ~OpenFlags.NonBlock) | (OpenFlags)change.Flags;
        file.Release();
        return previous.IsNull ? 0 : task.Memory.Write(previous, old);
    }

    public static SyscallResult Notify(Task task, Fd fd, UserPtr<SignalEvent> request)
    {
        QueueNotice? notice = null;
        if (!request.IsNull)
        {
            if (task.Memory.Read(request, out SignalEvent wanted) is not Errno.Ok and Errno fault)
                return fault;
            if (MakeNotice(task, wanted).Failed(out notice, out Errno invalid))
                return invalid;
        }

        if (Get(task, fd).Failed(out MqueueFile? file, out Errno error))
            return error;
        error = Errno.Ok;
        if (notice is null)
            file.Queue.RemoveNotice(task.Group);
        else
            error = file.Queue.SetNotice(notice);
        file.Release();
        return error;
    }

    /// <summary>The queue of a descriptor, with a reference for the caller. EBADF, also for other files.</summary>
    public static Result<MqueueFile> Get(Task task, Fd fd)
    {
        if (task.Files.Get(fd).Failed(out OpenFile? file, out Errno error))
            return error;
        if (file is MqueueFile queue)
            return queue;
        file.Release();
        return Errno.EBADF;
    }

    private static Result<QueueNotice> MakeNotice(Task task, in SignalEvent wanted)
    {
        NoticeKind kind = (NoticeKind)wanted.Notify;
        switch (kind)
        {
            case NoticeKind.None:
                return new QueueNotice(task, kind);
            case NoticeKind.Signal:
                return (uint)wanted.Signal <= MaxSignal
                    ? new QueueNotice(task, kind) { Signal = wanted.Signal, Value = wanted.Value }
                    : Errno.EINVAL;
            case NoticeKind.Thread:
                byte[] cookie = new byte[QueueNotice.CookieBytes];
                if (task.Memory.Read(new UserAddress(wanted.Value), cookie) is not Errno.Ok and Errno fault)
                    return fault;
                if (FindReceiver(task, new Fd(wanted.Signal)).Failed(out ICookieReceiver? receiver, out Errno error))
                    return error;
                return new QueueNotice(task, kind) { Cookie = cookie, Receiver = receiver };
            default:
                return Errno.EINVAL;
        }
    }

    private static Result<ICookieReceiver> FindReceiver(Task task, Fd fd)
    {
        if (SocketArguments.GetSocket(task, fd).Failed(out Sockets.Socket? socket, out Errno error))
            return error;
        ICookieReceiver? receiver = socket as ICookieReceiver;
        socket.Release();
        return receiver is null ? Errno.EINVAL : Result<ICookieReceiver>.Of(receiver);
    }

    // As getname() of Linux: ENOENT for an empty one.
    private static Errno ReadName(Task task, UserString name, Span<byte> buffer, out ReadOnlySpan<byte> text)
    {
        if (task.Memory.ReadPath(name, buffer, out text) is not Errno.Ok and Errno error)
            return error;
        return text.IsEmpty ? Errno.ENOENT : Errno.Ok;
    }

    // As lookup_one_len() of Linux. The C library takes the slash off the front.
    private static Errno CheckName(Task task, ReadOnlySpan<byte> name)
    {
        if (name.SequenceEqual("."u8) || name.SequenceEqual(".."u8) || name.Contains((byte)'/'))
            return Errno.EACCES;
        Inode directory = QueueNames.DirectoryOf(task).Inode;
        if (Access.Check(directory, AccessMask.Execute, task.Credentials) is not Errno.Ok and Errno refused)
            return refused;
        return name.Length > FileName.MaxBytes ? Errno.ENAMETOOLONG : Errno.Ok;
    }
}
