using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.SystemV;

/// <summary>A queue of typed messages (msgget(2)). Guarded by the namespace's lock.</summary>
internal sealed class MessageQueue(
    SystemVObjects objects, int key, uint mode, Credentials creator, MemoryAccount account)
    : IpcObject(key, mode, creator, account)
{
    private readonly CollectedCharge _charge = new(account); // A namespace may end with messages in it.

    private readonly List<Message> _messages = [];

    public SystemVObjects Objects { get; } = objects;

    /// <summary>A message: its type, and what it says.</summary>
    internal sealed record Message(long Type, byte[] Text);

    public long MaxBytes { get; set; } = objects.Limits.Number(IpcLimit.QueueBytes);
    public long Bytes { get; private set; }
    public int Count => _messages.Count;
    public long SendTime { get; private set; }
    public long ReceiveTime { get; private set; }
    public Pid? LastSender { get; private set; }
    public Pid? LastReceiver { get; private set; }

    /// <summary>
    /// Notified when a message came (In), when one was taken (Out), and with both when the queue is removed.
    /// </summary>
    public WaitQueue Waiters { get; } = new();

    /// <summary>EAGAIN if there is no room, ENOMEM if the container that made the queue holds too much.</summary>
    public Errno TrySend(Message message, Pid sender)
    {
        if (Bytes + message.Text.Length > MaxBytes || Count + 1 > MaxBytes)
            return Errno.EAGAIN;
        if (_charge.IsFull || !_charge.TryAddQuietly(CostOf(message)))
            return Errno.ENOMEM;
        _messages.Add(message);
        Bytes += message.Text.Length;
        LastSender = sender;
        SendTime = Now;
        return Errno.Ok;
    }

    /// <summary>
    /// The message a receiver asks for, taken off the queue. EAGAIN if there is none, E2BIG if it is longer than
    /// <paramref name="maxBytes"/> and may not be cut.
    /// </summary>
    public Result<Message> TryReceive(long type, bool isExcept, ulong maxBytes, bool mayCut, Pid receiver)
    {
        int index = Find(type, isExcept);
        if (index < 0)
            return Errno.EAGAIN;
        Message message = _messages[index];
        if ((ulong)message.Text.Length > maxBytes && !mayCut)
            return Errno.E2BIG;
        _messages.RemoveAt(index);
        Bytes -= message.Text.Length;
        _charge.Remove(CostOf(message));
        LastReceiver = receiver;
        ReceiveTime = Now;
        return message;
    }

    /// <summary>MSG_COPY: the message at a place, which stays. ENOMSG.</summary>
    public Result<Message> Peek(long index, ulong maxBytes, bool mayCut)
    {
        if (index < 0 || index >= Count)
            return Errno.ENOMSG;
        Message message = _messages[(int)index];
        return (ulong)message.Text.Length > maxBytes && !mayCut ? Errno.E2BIG : message;
    }

    /// <summary>The queue is removed.</summary>
    public void Clear()
    {
        Bytes = 0;
        _charge.Return();
        _messages.Clear();
    }

    // msgrcv(2): 0 takes the first, N the first of type N, -N the first of the lowest type up to N.
    private int Find(long type, bool isExcept)
    {
        if (type == 0)
            return Count == 0 ? -1 : 0;
        if (type > 0)
            return _messages.FindIndex(message => message.Type == type != isExcept);
        long limit = type == long.MinValue ? long.MaxValue : -type, lowest = long.MaxValue;
        int found = -1;
        for (int index = 0; index < Count; index++)
        {
            long candidate = _messages[index].Type;
            if (candidate <= limit && (found < 0 || candidate < lowest))
                (found, lowest) = (index, candidate);
        }

        return found;
    }

    private static int CostOf(Message message) => ObjectCost.Message + message.Text.Length;
}
