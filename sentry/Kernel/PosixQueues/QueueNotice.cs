using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Kernel.PosixQueues;

/// <summary>sigev_notify (sigevent(3type)).</summary>
internal enum NoticeKind
{
    Signal = 0,
    None = 1,
    Thread = 2,
}

/// <summary>
/// A netlink socket, which takes the cookie that stands for SIGEV_THREAD: a thread of the C library waits there for it.
/// </summary>
internal interface ICookieReceiver
{
    /// <summary>Queues a message as it is. One that does not fit is lost. Without locks.</summary>
    void Deliver(ReadOnlySpan<byte> message);
}

/// <summary>
/// Who wants to hear of the next message that comes to an empty queue, and how (mq_notify(3)). Told once.
/// </summary>
internal sealed class QueueNotice
{
    /// <summary>NOTIFY_COOKIE_LEN, and the place of the code in a cookie (include/uapi/linux/mqueue.h).</summary>
    public const int CookieBytes = 32;
    private const byte WokenUp = 1, Removed = 2;

    private readonly int _executions;
    private readonly UserNamespace _userNamespace;

    public QueueNotice(Task owner, NoticeKind kind)
    {
        (Owner, Files, Kind) = (owner.Group, owner.Files, kind);
        (_executions, _userNamespace) = (owner.Group.Executions, owner.Credentials.UserNamespace);
    }

    public ThreadGroup Owner { get; }

    /// <summary>The descriptors of the owner: when it closes one of the queue, it hears nothing any more.</summary>
    public Vfs.FdTable Files { get; }

    public NoticeKind Kind { get; }

    /// <summary>0 for a SIGEV_SIGNAL that sends none.</summary>
    public int Signal { get; init; }

    /// <summary>si_value.</summary>
    public ulong Value { get; init; }

    /// <summary>What SIGEV_THREAD sends, and where to.</summary>
    public byte[] Cookie { get; init; } = [];
    public ICookieReceiver? Receiver { get; init; }

    /// <summary>A message came, from <paramref name="sender"/>. Without locks.</summary>
    public void Tell(Task sender)
    {
        if (Kind == NoticeKind.Thread)
            Deliver(WokenUp);
        if (Kind != NoticeKind.Signal || Signal == 0)
            return;
        SignalInfo info = new()
        {
            Number = Signal,
            Code = SignalInfo.CodeMessageQueue,
            SenderPid = sender.Group.Id.In(Owner.Id.Namespace),
            SenderUserId = _userNamespace.UserFromKernel(sender.Credentials.UserId),
            Value = Value,
        };
        using (sender.Kernel.Tree.Enter())
        {
            // Another program, after execve, does not know what the signal means.
            if (Owner.Executions == _executions)
                SignalSender.SendToGroup(Owner, info, sender);
        }
    }

    /// <summary>It was taken back. Without locks.</summary>
    public void TellRemoved()
    {
        if (Kind == NoticeKind.Thread)
            Deliver(Removed);
    }

    private void Deliver(byte code)
    {
        Cookie[^1] = code;
        Receiver?.Deliver(Cookie);
    }
}
