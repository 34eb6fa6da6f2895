using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Event;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>epoll_create(2), epoll_ctl(2), epoll_wait(2) and their variants.</summary>
internal static class EpollSyscalls
{
    private const int Add = 1, Delete = 2, Modify = 3;

    /// <summary>Events copied out by one call; the rest stays ready for the next.</summary>
    private const int MaxEventsAtOnce = 256;

    private const PollEvents ExclusiveAllowed = PollEvents.In | PollEvents.Out | PollEvents.Error | PollEvents.HangUp
        | PollEvents.WakeUp | PollEvents.EdgeTriggered | PollEvents.Exclusive;

    public static SyscallResult Create(Task task, int size) =>
        size <= 0 ? Errno.EINVAL : Create1(task, OpenFlags.ReadOnly);

    public static SyscallResult Create1(Task task, OpenFlags flags)
    {
        if ((flags & ~OpenFlags.CloseOnExec) != 0)
            return Errno.EINVAL;
        return task.Files.Install(
            new EpollFile(task), (flags & OpenFlags.CloseOnExec) != 0, task.Group.Limits.OpenFiles);
    }

    public static SyscallResult Control(Task task, Fd epollFd, int operation, Fd fd, UserPtr<EpollEvent> eventPointer)
    {
        EpollEvent wanted = default;
        if (operation != Delete && task.Memory.Read(eventPointer, out wanted) is not Errno.Ok and Errno fault)
            return fault;
        if (task.Files.Get(epollFd).Failed(out OpenFile? epollFile, out Errno error))
            return error;
        SyscallResult result = task.Files.Get(fd).Failed(out OpenFile? file, out Errno missing)
            ? missing
            : Control(epollFile, operation, fd.Number, file, wanted);
        file?.Release();
        epollFile.Release();
        return result;
    }

    public static SyscallResult Wait(
        Task task, Fd epollFd, UserPtr<EpollEvent> events, int maxEvents, int timeoutMilliseconds) =>
        Run(task, epollFd, events, maxEvents, timeoutMilliseconds switch
        {
            < 0 => Deadline.Never,
            0 => Deadline.Now,
            _ => Deadline.After(timeoutMilliseconds * 1_000_000L),
        });

    public static SyscallResult WaitMasked(
        Task task, Fd epollFd, UserPtr<EpollEvent> events, int maxEvents, int timeoutMilliseconds,
        UserPtr<SignalSet> mask,
        nuint maskBytes)
    {
        if (PollTimeout.BeginMask(task, mask, maskBytes) is not Errno.Ok and Errno error)
            return error;
        SyscallResult result = Wait(task, epollFd, events, maxEvents, timeoutMilliseconds);
        SignalMasking.Leave(task, result);
        return result;
    }

    public static SyscallResult WaitMasked2(
        Task task, Fd epollFd, UserPtr<EpollEvent> events, int maxEvents, UserPtr<Timespec> timeout,
        UserPtr<SignalSet> mask,
        nuint maskBytes)
    {
        if (PollTimeout.Read(task, timeout, out Deadline deadline) is not Errno.Ok and Errno error)
            return error;
        if (PollTimeout.BeginMask(task, mask, maskBytes) is not Errno.Ok and Errno failure)
            return failure;
        SyscallResult result = Run(task, epollFd, events, maxEvents, deadline);
        SignalMasking.Leave(task, result);
        return result;
    }

    private static Errno Control(OpenFile epollFile, int operation, int fd, OpenFile file, EpollEvent wanted)
    {
        if (epollFile is not EpollFile epoll || epollFile == file)
            return Errno.EINVAL;
        // Asks for a capability nobody has here: ignored, as Linux does.
        PollEvents events = wanted.Events & ~PollEvents.WakeUp;
        if ((events & PollEvents.Exclusive) != 0
            && (operation == Modify || (operation == Add && ((events & ~ExclusiveAllowed) != 0 || file is EpollFile))))
        {
            return Errno.EINVAL;
        }

        return operation switch
        {
            Add => epoll.Add(fd, file, events, wanted.Data),
            Modify => epoll.Modify(fd, file, events, wanted.Data),
            Delete => epoll.Remove(fd, file),
            _ => Errno.EINVAL,
        };
    }

    private static SyscallResult Run(
        Task task, Fd epollFd, UserPtr<EpollEvent> events, int maxEvents, Deadline deadline)
    {
        if (maxEvents is <= 0 or > int.MaxValue / 12)
            return Errno.EINVAL;
        if (task.CallFile.Begin(task, epollFd).Failed(out OpenFile? file, out Errno error))
            return error;
        SyscallResult result = file is EpollFile epoll ? Run(task, epoll, events, maxEvents, deadline) : Errno.EINVAL;
        task.CallFile.End(task, file);
        return result;
    }

    private static SyscallResult Run(
        Task task, EpollFile epoll, UserPtr<EpollEvent> events, int maxEvents, Deadline deadline)
    {
        Span<EpollEvent> ready = stackalloc EpollEvent[Math.Min(maxEvents, MaxEventsAtOnce)];
        Result<int> found = deadline.Nanoseconds == 0
            ? epoll.Collect(ready)
            : Blocking.Until(
                task.Sleeper, epoll.Waiters, PollEvents.Readable, deadline, new Attempt(epoll, ready),
                static attempt => attempt.Epoll.Collect(attempt.Ready));
        if (found.Failed(out int count, out Errno error))
        {
            return error switch
            {
                Errno.EAGAIN => 0,
                Errno.ERESTARTSYS => Errno.EINTR, // signal(7): never restarted.
                _ => error,
            };
        }

        return task.Memory.WriteArray(events, ready[..count]) is not Errno.Ok and Errno fault ? fault : count;
    }

    private readonly ref struct Attempt(EpollFile epoll, Span<EpollEvent> ready)
    {
        public EpollFile Epoll { get; } = epoll;

        public Span<EpollEvent> Ready { get; } = ready;
    }
}
