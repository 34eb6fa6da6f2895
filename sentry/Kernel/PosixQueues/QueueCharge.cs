using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Kernel.PosixQueues;

/// <summary>
/// What one queue takes of the limits of its namespace, its user and the sandbox, until it goes. A namespace that
/// nobody is in any more ends without a word, queues and all: then the collector gives it back,
/// which is why this has a finalizer.
/// </summary>
internal sealed class QueueCharge
{
    private const int MaxPriorities = 32768; // MQ_PRIO_MAX
    private const int HeaderBytes = 48, NodeBytes = 48; // sizeof(struct msg_msg), sizeof(struct posix_msg_tree_node)

    private readonly QueueLimits _limits;
    private readonly QueueQuotas _quotas;
    private readonly uint _userId;
    private readonly long _bytes;
    private long _messages;
    private int _isReturned;

    private QueueCharge(QueueLimits limits, QueueQuotas quotas, uint userId, long bytes) =>
        (_limits, _quotas, _userId, _bytes) = (limits, quotas, userId, bytes);

    ~QueueCharge() => Return();

    /// <summary>
    /// Charges a new queue to the user of a task. <paramref name="wanted"/>, null for the defaults, becomes what the
    /// queue has. ENOSPC, EINVAL, EMFILE.
    /// </summary>
    public static Result<QueueCharge> Take(
        Task creator, QueueLimits limits, QueueAttributes? wanted, out QueueAttributes attributes)
    {
        bool isPrivileged = creator.Credentials.Has(Capability.SysResource);
        attributes = default;
        if (!limits.TryAddQueue(mayExceed: isPrivileged))
            return Errno.ENOSPC;
        Errno error = Choose(limits, wanted, isPrivileged, out attributes);
        long bytes = (attributes.MaxMessages * (attributes.MaxBytes + HeaderBytes))
            + (Math.Min(attributes.MaxMessages, MaxPriorities) * NodeBytes);
        if (error == Errno.Ok)
            error = TryTake(creator, bytes);
        if (error is Errno.EMFILE or Errno.ENOSPC && CollectedCharge.Reclaim())
            error = TryTake(creator, bytes);
        if (error == Errno.Ok)
            return new QueueCharge(limits, creator.Kernel.QueueQuotas, creator.Credentials.UserId, bytes);
        limits.RemoveQueue();
        return error;
    }

    /// <summary>
    /// Messages went into the queue or (negative) left it, with what they cost. With the queue's lock held.
    /// </summary>
    public void Hold(long cost) => _messages += cost;

    /// <summary>The queue is gone, with the messages that were still in it. Does nothing the second time.</summary>
    public void Return()
    {
        if (Interlocked.Exchange(ref _isReturned, 1) != 0)
            return;
        _quotas.Return(_userId, _bytes);
        _limits.RemoveQueue();
        QueueMemory.RemoveQueue();
        QueueMemory.Return(_messages);
    }

    private static Errno TryTake(Task creator, long bytes)
    {
        if (!QueueMemory.TryAddQueue())
            return Errno.ENOSPC;
        ulong limit = creator.Group.Limits[Resource.MessageQueueBytes].Soft;
        if (creator.Kernel.QueueQuotas.TryTake(creator.Credentials.UserId, bytes, limit))
            return Errno.Ok;
        QueueMemory.RemoveQueue();
        return Errno.EMFILE;
    }

    private static Errno Choose(
        QueueLimits limits, QueueAttributes? wanted, bool isPrivileged, out QueueAttributes chosen)
    {
        int messages = limits[QueueLimit.Messages], bytes = limits[QueueLimit.MessageBytes];
        chosen = new QueueAttributes
        {
            MaxMessages = wanted?.MaxMessages ?? Math.Min(messages, limits[QueueLimit.DefaultMessages]),
            MaxBytes = wanted?.MaxBytes ?? Math.Min(bytes, limits[QueueLimit.DefaultMessageBytes]),
        };
        if (isPrivileged)
            (messages, bytes) = (QueueLimits.HardMessages, QueueLimits.HardMessageBytes);
        return chosen.MaxMessages <= 0 || chosen.MaxBytes <= 0 || chosen.MaxMessages > messages
            || chosen.MaxBytes > bytes
            ? Errno.EINVAL
            : Errno.Ok;
    }
}
