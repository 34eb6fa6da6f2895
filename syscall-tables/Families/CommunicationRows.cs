using Sandbox.Linux;
using Sandbox.Sentry.Kernel.PosixQueues;
using Sandbox.Sentry.Kernel.SystemV;
using Sandbox.Sentry.Syscalls;
using F = Sandbox.SyscallTables.Tracing.ArgumentFormat;

namespace Sandbox.SyscallTables.Families;

/// <summary>
/// Interprocess communication: System V shared memory, semaphores and messages, POSIX message queues.
/// </summary>
internal static unsafe class CommunicationRows
{
    public static void Add(Syscall?[] rows)
    {
        rows[Sys.shmget] = Syscall.Of<int, nuint, int>("shmget", &SharedMemorySyscalls.Get).Partial("no SHM_HUGETLB");
        rows[Sys.shmat] = Syscall.Of<int, UserAddress, int>("shmat", &SharedMemorySyscalls.Attach)
            .ReturnsAddress()
            .NeedsRegisters();
        rows[Sys.shmdt] = Syscall.Of<UserAddress>("shmdt", &SharedMemorySyscalls.Detach)
            .Partial("an attachment that was unmapped piece by piece counts until shmdt, execve or exit")
            .NeedsRegisters();
        rows[Sys.shmctl] = Syscall.Of<int, int, UserAddress>("shmctl", &SharedMemorySyscalls.Control);
        rows[Sys.semget] = Syscall.Of<int, int, int>("semget", &SemaphoreSyscalls.Get);
        rows[Sys.semop] = Syscall.Of<int, UserPtr<SemaphoreOperation>, nuint>("semop", &SemaphoreSyscalls.Operate)
            .Waits("do_semtimedop");
        rows[Sys.semtimedop] = Syscall.Of<int, UserPtr<SemaphoreOperation>, nuint, UserPtr<Timespec>>(
            "semtimedop", &SemaphoreSyscalls.OperateTimed)
            .Waits("do_semtimedop");
        rows[Sys.semctl] = Syscall.Of<int, int, int, ulong>("semctl", &SemaphoreControl.Control);
        rows[Sys.msgget] = Syscall.Of<int, int>("msgget", &MessageQueueSyscalls.Get);
        rows[Sys.msgsnd] = Syscall.Of<int, UserAddress, nuint, int>("msgsnd", &MessageQueueSyscalls.Send)
            .Waits("do_msgsnd");
        rows[Sys.msgrcv] = Syscall.Of<int, UserAddress, nuint, long, int>("msgrcv", &MessageQueueSyscalls.Receive)
            .Waits("do_msgrcv");
        rows[Sys.msgctl] = Syscall.Of<int, int, UserAddress>("msgctl", &MessageQueueSyscalls.Control);
        AddPosixQueues(rows);
    }

    private static void AddPosixQueues(Syscall?[] rows)
    {
        rows[Sys.mq_open] = Syscall.Of<UserString, OpenFlags, uint, UserPtr<QueueAttributes>>(
            "mq_open", &PosixQueueSyscalls.Open)
            .Shows(F.Text, F.OpenFlags, F.Octal, F.QueueAttributes);
        rows[Sys.mq_unlink] = Syscall.Of<UserString>("mq_unlink", &PosixQueueSyscalls.Unlink);
        rows[Sys.mq_timedsend] = Syscall.Of<Fd, UserAddress, nuint, uint, UserPtr<Timespec>>(
            "mq_timedsend", &PosixQueueTransfer.Send)
            .Shows(F.Fd, F.Data, F.Unsigned64, F.Unsigned32, F.Time);
        rows[Sys.mq_timedreceive] = Syscall.Of<Fd, UserAddress, nuint, UserPtr<uint>, UserPtr<Timespec>>(
            "mq_timedreceive", &PosixQueueTransfer.Receive)
            .Shows(F.Fd, F.DataOut, F.Unsigned64, F.IntegerOut, F.Time);
        rows[Sys.mq_notify] = Syscall.Of<Fd, UserPtr<SignalEvent>>("mq_notify", &PosixQueueSyscalls.Notify);
        rows[Sys.mq_getsetattr] = Syscall.Of<Fd, UserPtr<QueueAttributes>, UserPtr<QueueAttributes>>(
            "mq_getsetattr", &PosixQueueSyscalls.GetSetAttributes)
            .Shows(F.Fd, F.QueueAttributes, F.QueueAttributesOut);
    }
}
