using System.Diagnostics;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Kernel.PosixQueues;

/// <summary>
/// A POSIX message queue (mq_overview(7), ipc/mqueue.c). A message that comes while somebody waits for one is handed
/// over, and room that is made while somebody waits for it is filled at once: who comes later cannot be faster.
/// </summary>
internal sealed class PosixQueue(in QueueAttributes attributes, QueueCharge charge)
{
    private const int SequenceBits = 48;

    /// <summary>
    /// A larger table gives room back that it does not use: an empty queue must not hold what a full one took.
    /// </summary>
    private const int KeptCapacity = 256;

    private readonly RankedLock _lock = new(LockRank.Leaf);

    // All guarded by _lock. Keys are the priority, inverted, above the number of the message:
    // the oldest of the highest is first.
    private readonly PriorityQueue<QueueMessage, ulong> _messages = new();
    private readonly QueueWaiters _senders = new();
    private readonly QueueWaiters _receivers = new();
    private ulong _sent;
    private long _bytes;
    private QueueNotice? _notice;

    /// <summary>mq_maxmsg.</summary>
    public int MaxMessages { get; } = (int)attributes.MaxMessages;

    /// <summary>mq_msgsize, bytes.</summary>
    public int MaxBytes { get; } = (int)attributes.MaxBytes;

    /// <summary>
    /// For poll: In when a message came and nobody took it, Out when room was made and nobody filled it.
    /// </summary>
    public WaitQueue Waiters { get; } = new();

    /// <summary>Messages in the queue.</summary>
    public int Count
    {
        get
        {
            using (_lock.Enter())
                return _messages.Count;
        }
    }

    public PollEvents Poll()
    {
        int count = Count;
        return (count > 0 ? PollEvents.Readable : 0) | (count < MaxMessages ? PollEvents.Writable : 0);
    }

    /// <summary>Bytes of all messages, and whom to notify.</summary>
    public (long Bytes, QueueNotice? Notice) Describe()
    {
        using (_lock.Enter())
            return (_bytes, _notice);
    }

    /// <summary>
    /// Takes <paramref name="message"/> over, and after Ok gives the notice that is now due, to be told. If the queue
    /// is full: EAGAIN, or with a <paramref name="waiter"/> EIOCBQUEUED, and it waits for <see cref="Await"/>.
    /// </summary>
    public Errno Send(in QueueMessage message, QueueWaiter? waiter, out QueueNotice? due)
    {
        due = null;
        using HeldWakes.Scope wakes = HeldWakes.Begin();
        using (_lock.Enter())
        {
            if (_messages.Count == MaxMessages)
            {
                if (waiter is null)
                    return Errno.EAGAIN;
                waiter.Message = message;
                _senders.Add(waiter);
                return Errno.EIOCBQUEUED;
            }

            if (_receivers.Take() is { } receiver)
            {
                receiver.Message = message;
                receiver.Complete();
                return Errno.Ok;
            }

            Add(message);
            if (_messages.Count == 1)
                (due, _notice) = (_notice, null);
        }

        Waiters.Notify(PollEvents.Readable);
        return Errno.Ok;
    }

    /// <summary>
    /// Gives the oldest message of the highest priority, the caller's to free. If there is none: EAGAIN, or with a
    /// <paramref name="waiter"/> EIOCBQUEUED, and it waits for <see cref="Await"/>.
    /// </summary>
    public Errno Receive(QueueWaiter? waiter, out QueueMessage message)
    {
        message = default;
        using HeldWakes.Scope wakes = HeldWakes.Begin();
        using (_lock.Enter())
        {
            if (_messages.Count == 0)
            {
                if (waiter is null)
                    return Errno.EAGAIN;
                _receivers.Add(waiter);
                return Errno.EIOCBQUEUED;
            }

            message = Take();
            if (_senders.Take() is { } sender)
            {
                Add(sender.Message);
                sender.Complete();
                return Errno.Ok;
            }
        }

        Waiters.Notify(PollEvents.Writable);
        return Errno.Ok;
    }

    /// <summary>
    /// Sleeps until the waiter is served (Ok). After ETIMEDOUT and ERESTARTSYS it waits no more. Own thread.
    /// </summary>
    public Errno Await(QueueWaiter waiter, bool isSender, Deadline deadline)
    {
        while (true)
        {
            Errno reason = waiter.Parker.Park(deadline);
            if (waiter.IsDone)
                return Errno.Ok;
            if (reason == Errno.Ok)
                continue; // A wake meant for something else.
            using (_lock.Enter())
            {
                if (waiter.IsDone)
                    return Errno.Ok;
                (isSender ? _senders : _receivers).Remove(waiter);
                return reason;
            }
        }
    }

    /// <summary>Registers who is to be notified. EBUSY if somebody is already.</summary>
    public Errno SetNotice(QueueNotice notice)
    {
        using (_lock.Enter())
        {
            if (_notice is not null)
                return Errno.EBUSY;
            _notice = notice;
            return Errno.Ok;
        }
    }

    /// <summary>The process does not want to be notified any more. False if it was not to be.</summary>
    public bool RemoveNotice(ThreadGroup owner)
    {
        QueueNotice? removed;
        using (_lock.Enter())
        {
            if (_notice?.Owner != owner)
                return false;
            (removed, _notice) = (_notice, null);
        }

        removed.TellRemoved();
        return true;
    }

    /// <summary>A process closes a descriptor of the queue: it is not notified any more.</summary>
    public void RemoveNotice(FdTable files)
    {
        QueueNotice? removed;
        using (_lock.Enter())
        {
            if (_notice?.Files != files)
                return;
            (removed, _notice) = (_notice, null);
        }

        removed.TellRemoved();
    }

    /// <summary>Nobody can reach the queue any more: gives everything back.</summary>
    public void Release()
    {
        using (_lock.Enter())
        {
            Debug.Assert(_senders.IsEmpty && _receivers.IsEmpty, "who waits has the queue open");
            while (_messages.TryDequeue(out QueueMessage message, out _))
                message.ReturnBuffer();
            _bytes = 0;
        }

        charge.Return();
    }

    private void Add(in QueueMessage message)
    {
        _messages.Enqueue(message, ((ulong)(ushort)~message.Priority << SequenceBits) | _sent++);
        _bytes += message.Text.Length;
        charge.Hold(message.Cost);
    }

    private QueueMessage Take()
    {
        QueueMessage message = _messages.Dequeue();
        _bytes -= message.Text.Length;
        charge.Hold(-message.Cost);
        int capacity = _messages.EnsureCapacity(0);
        if (capacity > KeptCapacity && _messages.Count < capacity / 4)
            _messages.TrimExcess();
        return message;
    }
}
