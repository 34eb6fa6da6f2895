using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.SystemV;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Syscalls;

/// <summary>System V message queues: msgget(2), msgsnd(2), msgrcv(2), msgctl(2).</summary>
internal static class MessageQueueSyscalls
{
    private const int NoWait = 0x800, NoError = 0x1000, Except = 0x2000, Copy = 0x4000;
    private const uint Read = 4, Write = 2;
    private const int TypeBytes = 8;

    /// <summary>A message of so many bytes is part of what a task costs.</summary>
    private const int FreeBytes = 4096;

    /// <summary>struct msqid64_ds (include/uapi/asm-generic/msgbuf.h).</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct QueueRecord
    {
        public IpcPermissionRecord Permissions;
        public long SendTime;
        public long ReceiveTime;
        public long ChangeTime;
        public ulong Bytes;
        public ulong Count;
        public ulong MaxBytes;
        public int LastSender;
        public int LastReceiver;
        private readonly ulong _unused0;
        private readonly ulong _unused1;
    }

    /// <summary>struct msginfo.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Limits(
        int Pool, int Map, int MaxMessage, int MaxQueue, int MaxQueues, int SegmentBytes, int Headers, ushort Segments,
        ushort Padding);

    public static SyscallResult Get(Task task, int key, int flags)
    {
        SystemVObjects objects = SystemVObjects.Of(task.Namespaces.Ipc);
        using (objects.Lock.Enter())
        {
            if (objects.Queues.Find(key, flags, task.Credentials).Failed(out MessageQueue? found, out Errno error))
                return error;
            if (found is not null)
                return found.Id;
            MessageQueue queue = new(objects, key, (uint)flags, task.Credentials, task.Account);
            if (queue.Charge(0) is not Errno.Ok and Errno full)
                return full;
            objects.Queues.Add(queue);
            return queue.Id;
        }
    }

    public static SyscallResult Send(Task task, int id, UserAddress buffer, nuint bytes, int flags)
    {
        IpcLimits limits = task.Namespaces.Ipc.Limits;
        if (bytes > limits[IpcLimit.MessageBytes])
            return Errno.EINVAL;
        if (bytes <= FreeBytes)
            return SendBytes(task, id, buffer, (int)bytes, flags);
        // It may wait with them for ever; the queue charges for what it takes.
        if (!task.Account.TryCharge(MemoryKind.Objects, (long)bytes))
            return Errno.ENOMEM;
        SyscallResult result = SendBytes(task, id, buffer, (int)bytes, flags);
        task.Account.Return(MemoryKind.Objects, (long)bytes);
        return result;
    }

    private static SyscallResult SendBytes(Task task, int id, UserAddress buffer, int bytes, int flags)
    {
        if (task.Memory.Read(new UserPtr<long>(buffer), out long type) is not Errno.Ok and Errno fault)
            return fault;
        if (type < 1)
            return Errno.EINVAL;
        byte[] text = new byte[bytes];
        if (task.Memory.Read(buffer + TypeBytes, text) is not Errno.Ok and Errno textFault)
            return textFault;
        if (Find(task, id, Write).Failed(out MessageQueue? queue, out Errno error))
            return error;
        Sending sending = new(queue, new MessageQueue.Message(type, text), task.Group.Id);
        Result<int> result = (flags & NoWait) != 0
            ? Try(sending)
            : Blocking.Until(
                task.Sleeper, queue.Waiters, PollEvents.Out, Deadline.Never, sending, static state => Try(state));
        if (result.Error == Errno.ERESTARTSYS)
            return Errno.EINTR; // msgsnd(2) is never restarted.
        if (result.Error == Errno.Ok)
            queue.Waiters.Notify(PollEvents.In);
        return result;
    }

    public static SyscallResult Receive(Task task, int id, UserAddress buffer, nuint bytes, long type, int flags)
    {
        if (bytes > long.MaxValue)
            return Errno.EINVAL;
        if ((flags & Copy) != 0 && ((flags & NoWait) == 0 || (flags & Except) != 0))
            return Errno.EINVAL;
        if (Find(task, id, Read).Failed(out MessageQueue? queue, out Errno error))
            return error;
        Receiving receiving = new(queue, type, flags, bytes, task.Group.Id);
        Result<int> result = (flags & NoWait) != 0
            ? Try(receiving)
            : Blocking.Until(
                task.Sleeper, queue.Waiters, PollEvents.In, Deadline.Never, receiving, static state => Try(state));
        if (result.Failed(out _, out Errno failed))
        {
            return failed switch
            {
                Errno.ERESTARTSYS => Errno.EINTR,
                Errno.EAGAIN => Errno.ENOMSG,
                _ => failed,
            };
        }

        if ((flags & Copy) == 0)
            queue.Waiters.Notify(PollEvents.Out);
        MessageQueue.Message message = receiving.Message!;
        ReadOnlySpan<byte> text = message.Text.AsSpan(0, (int)Math.Min((ulong)message.Text.Length, bytes));
        if (task.Memory.Write(new UserPtr<long>(buffer), message.Type) is not Errno.Ok and Errno fault)
            return fault;
        return task.Memory.Write(buffer + TypeBytes, text) is not Errno.Ok and Errno textFault
            ? textFault
            : text.Length;
    }

    public static SyscallResult Control(Task task, int id, int command, UserAddress buffer)
    {
        const int remove = 0, set = 1, stat = 2, info = 3, statSlot = 11, usage = 12, statAny = 13;
        SystemVObjects objects = SystemVObjects.Of(task.Namespaces.Ipc);
        return command switch
        {
            remove => Remove(task, objects, id),
            set => Set(task, objects, id, new UserPtr<QueueRecord>(buffer)),
            stat or statSlot or statAny =>
                Stat(task, objects, id, new UserPtr<QueueRecord>(buffer), command != stat, command == statAny),
            info or usage => Info(task, objects, new UserPtr<Limits>(buffer), command == usage),
            _ => Errno.EINVAL,
        };
    }

    private static Result<MessageQueue> Find(Task task, int id, uint wanted)
    {
        SystemVObjects objects = SystemVObjects.Of(task.Namespaces.Ipc);
        using (objects.Lock.Enter())
        {
            return objects.Queues.Get(id, wanted, task.Credentials);
        }
    }

    private static Result<int> Try(Sending sending)
    {
        using (sending.Queue.Objects.Lock.Enter())
        {
            if (sending.Queue.IsRemoved)
                return Errno.EIDRM;
            return sending.Queue.TrySend(sending.Message, sending.Sender) is not Errno.Ok and Errno error ? error : 0;
        }
    }

    private static Result<int> Try(Receiving receiving)
    {
        MessageQueue queue = receiving.Queue;
        bool mayCut = (receiving.Flags & NoError) != 0;
        using (queue.Objects.Lock.Enter())
        {
            if (queue.IsRemoved)
                return Errno.EIDRM;
            Result<MessageQueue.Message> found = (receiving.Flags & Copy) != 0
                ? queue.Peek(receiving.Type, receiving.MaxBytes, mayCut)
                : queue.TryReceive(
                    receiving.Type, (receiving.Flags & Except) != 0, receiving.MaxBytes, mayCut, receiving.Receiver);
            if (found.Failed(out MessageQueue.Message? message, out Errno error))
                return error;
            receiving.Message = message;
            return 0;
        }
    }

    private static SyscallResult Remove(Task task, SystemVObjects objects, int id)
    {
        MessageQueue? queue;
        using (objects.Lock.Enter())
        {
            if (objects.Queues.GetOwned(id, task.Credentials).Failed(out queue, out Errno error))
                return error;
            objects.Queues.Remove(queue);
            queue.Clear();
        }

        queue.Waiters.Notify(PollEvents.In | PollEvents.Out);
        return 0;
    }

    private static SyscallResult Set(Task task, SystemVObjects objects, int id, UserPtr<QueueRecord> buffer)
    {
        if (task.Memory.Read(buffer, out QueueRecord wanted) is not Errno.Ok and Errno fault)
            return fault;
        MessageQueue? queue;
        using (objects.Lock.Enter())
        {
            if (objects.Queues.GetOwned(id, task.Credentials).Failed(out queue, out Errno error))
                return error;
            // msgctl(2): above the default only with CAP_SYS_RESOURCE; and no more than the sandbox holds.
            if (wanted.MaxBytes > objects.Limits[IpcLimit.QueueBytes]
                && !task.Credentials.Has(Capability.SysResource, objects.Owner))
                return Errno.EPERM;
            if (queue.Set(wanted.Permissions, task.Credentials.UserNamespace) is not Errno.Ok and Errno invalid)
                return invalid;
            queue.MaxBytes = (long)Math.Min(wanted.MaxBytes, (ulong)MemoryAccount.MaxObjectBytesOfContainer);
        }

        queue.Waiters.Notify(PollEvents.Out);
        return 0;
    }

    private static SyscallResult Stat(
        Task task, SystemVObjects objects, int id, UserPtr<QueueRecord> buffer, bool isSlot, bool isAny)
    {
        QueueRecord record;
        int answer;
        using (objects.Lock.Enter())
        {
            uint wanted = isAny ? 0 : Read;
            Result<MessageQueue> found = isSlot
                ? objects.Queues.GetSlot(id, wanted, task.Credentials)
                : objects.Queues.Get(id, wanted, task.Credentials);
            if (found.Failed(out MessageQueue? queue, out Errno error))
                return error;
            record = new QueueRecord
            {
                Permissions = queue.Describe(task.Credentials.UserNamespace),
                SendTime = queue.SendTime,
                ReceiveTime = queue.ReceiveTime,
                ChangeTime = queue.ChangeTime,
                Bytes = (ulong)queue.Bytes,
                Count = (ulong)queue.Count,
                MaxBytes = (ulong)queue.MaxBytes,
                LastSender = queue.LastSender?.In(task.PidNamespace) ?? 0,
                LastReceiver = queue.LastReceiver?.In(task.PidNamespace) ?? 0,
            };
            answer = isSlot ? queue.Id : 0;
        }

        return task.Memory.Write(buffer, record) is not Errno.Ok and Errno fault ? fault : answer;
    }

    private static SyscallResult Info(Task task, SystemVObjects objects, UserPtr<Limits> buffer, bool isUsage)
    {
        const int segmentBytes = 16;
        int maxQueues = objects.Limits.Number(IpcLimit.Queues), maxBytes = objects.Limits.Number(IpcLimit.QueueBytes);
        int pool = (int)Math.Min(int.MaxValue, (long)maxQueues * maxBytes / 1024);
        int queues, messages = 0, highest;
        long bytes = 0;
        using (objects.Lock.Enter())
        {
            foreach (MessageQueue queue in objects.Queues.All)
            {
                messages += queue.Count;
                bytes += queue.Bytes;
            }

            (queues, highest) = (objects.Queues.Count, objects.Queues.HighestSlot);
        }

        Limits limits = new(
            isUsage ? queues : pool, isUsage ? messages : maxBytes, objects.Limits.Number(IpcLimit.MessageBytes),
            maxBytes, maxQueues, segmentBytes, isUsage ? (int)bytes : maxBytes, ushort.MaxValue, 0);
        return task.Memory.Write(buffer, limits) is not Errno.Ok and Errno fault ? fault : highest;
    }

    private sealed record Sending(MessageQueue Queue, MessageQueue.Message Message, Pid Sender);

    private sealed record Receiving(MessageQueue Queue, long Type, int Flags, ulong MaxBytes, Pid Receiver)
    {
        public MessageQueue.Message? Message { get; set; }
    }
}
