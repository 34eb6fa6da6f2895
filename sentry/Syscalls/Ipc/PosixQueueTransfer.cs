using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Mqueue;
using Sandbox.Sentry.Kernel.PosixQueues;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Kernel.Timers;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Syscalls;

/// <summary>Messages of POSIX message queues: mq_timedsend(2), mq_timedreceive(2).</summary>
internal static class PosixQueueTransfer
{
    private const uint MaxPriorities = 32768; // MQ_PRIO_MAX

    public static SyscallResult Send(
        Task task, Fd fd, UserAddress text, nuint bytes, uint priority, UserPtr<Timespec> timeout)
    {
        if (ReadDeadline(task, timeout, out Deadline deadline) is not Errno.Ok and Errno invalid)
            return invalid;
        if (priority >= MaxPriorities)
            return Errno.EINVAL;
        if (PosixQueueSyscalls.Get(task, fd).Failed(out MqueueFile? file, out Errno error))
            return error;
        error = !file.IsWritable ? Errno.EBADF
            : bytes > (nuint)file.Queue.MaxBytes ? Errno.EMSGSIZE
            : Send(task, file, text, (int)bytes, priority, deadline);
        file.Release();
        return error;
    }

    public static SyscallResult Receive(
        Task task, Fd fd, UserAddress buffer, nuint bytes, UserPtr<uint> priority, UserPtr<Timespec> timeout)
    {
        if (ReadDeadline(task, timeout, out Deadline deadline) is not Errno.Ok and Errno invalid)
            return invalid;
        if (PosixQueueSyscalls.Get(task, fd).Failed(out MqueueFile? file, out Errno error))
            return error;
        QueueMessage message = default;
        error = !file.IsReadable ? Errno.EBADF
            : bytes < (nuint)file.Queue.MaxBytes ? Errno.EMSGSIZE
            : Receive(task, file, deadline, out message);
        file.Release();
        if (error != Errno.Ok)
            return error;

        // A message that cannot be copied out is lost, as on Linux.
        if (!priority.IsNull)
            error = task.Memory.Write(priority, message.Priority);
        if (error == Errno.Ok)
            error = task.Memory.Write(buffer, message.Text);
        int length = message.Text.Length;
        message.Free();
        return error == Errno.Ok ? length : error;
    }

    private static Errno Send(Task task, MqueueFile file, UserAddress text, int bytes, uint priority, Deadline deadline)
    {
        if (QueueMessage.Make(priority, bytes).Failed(out QueueMessage message, out Errno error))
            return error;
        error = task.Memory.Read(text, message.Text);
        if (error == Errno.Ok)
            error = Send(task, file, message, deadline);
        if (error != Errno.Ok)
            message.Free();
        return error;
    }

    private static Errno Send(Task task, MqueueFile file, in QueueMessage message, Deadline deadline)
    {
        Errno error = file.Queue.Send(message, null, out QueueNotice? due);
        if (error == Errno.EAGAIN && !file.IsNonBlocking)
        {
            QueueWaiter waiter = BeginWait(task);
            error = file.Queue.Send(message, waiter, out due);
            if (error == Errno.EIOCBQUEUED)
                return file.Queue.Await(waiter, isSender: true, deadline);
        }

        if (error != Errno.Ok)
            return error;
        due?.Tell(task);
        file.Stamp();
        return Errno.Ok;
    }

    private static Errno Receive(Task task, MqueueFile file, Deadline deadline, out QueueMessage message)
    {
        Errno error = file.Queue.Receive(null, out message);
        if (error == Errno.EAGAIN && !file.IsNonBlocking)
        {
            QueueWaiter waiter = BeginWait(task);
            error = file.Queue.Receive(waiter, out message);
            if (error == Errno.EIOCBQUEUED)
            {
                error = file.Queue.Await(waiter, isSender: false, deadline);
                message = waiter.Message;
                return error;
            }
        }

        if (error == Errno.Ok)
            file.Stamp();
        return error;
    }

    private static QueueWaiter BeginWait(Task task)
    {
        task.Sleeper.Parker.Reset();
        return new QueueWaiter(task);
    }

    // Absolute, on CLOCK_REALTIME; null is for ever. EFAULT, EINVAL.
    private static Errno ReadDeadline(Task task, UserPtr<Timespec> timeout, out Deadline deadline)
    {
        deadline = Deadline.Never;
        if (timeout.IsNull)
            return Errno.Ok;
        if (task.Memory.Read(timeout, out Timespec time) is not Errno.Ok and Errno error)
            return error;
        if (!time.IsValid)
            return Errno.EINVAL;
        deadline = GuestClock.DeadlineOf(GuestClock.Realtime, time.TotalNanoseconds, isAbsolute: true);
        return Errno.Ok;
    }
}
