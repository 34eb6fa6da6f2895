using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Event;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Syscalls;

namespace Sandbox.SyscallTables.Families;

/// <summary>Pipes, and waiting for several files: poll, select, epoll, eventfd.</summary>
internal static unsafe class EventRows
{
    public static void Add(Syscall?[] rows)
    {
        rows[Sys.pipe] = Syscall.Of<UserPtr<FdPair>>("pipe", &PipeSyscalls.Pipe);
        rows[Sys.pipe2] = Syscall.Of<UserPtr<FdPair>, OpenFlags>("pipe2", &PipeSyscalls.Pipe2).Partial("no O_DIRECT");
        rows[Sys.eventfd] = Syscall.Of<uint>("eventfd", &EventSyscalls.EventFd);
        rows[Sys.eventfd2] = Syscall.Of<uint, OpenFlags>("eventfd2", &EventSyscalls.EventFd2);

        rows[Sys.poll] = Syscall.Of<UserPtr<PollDescriptor>, uint, int>("poll", &PollSyscalls.Poll);
        rows[Sys.ppoll] = Syscall.Of<UserPtr<PollDescriptor>, uint, UserPtr<Timespec>, UserPtr<SignalSet>, nuint>(
            "ppoll", &PollSyscalls.PollMasked);
        rows[Sys.select] = Syscall.Of<int, UserPtr<ulong>, UserPtr<ulong>, UserPtr<ulong>, UserPtr<Timeval>>(
            "select", &SelectSyscalls.Select);
        rows[Sys.pselect6] =
            Syscall.Of<int, UserPtr<ulong>, UserPtr<ulong>, UserPtr<ulong>, UserPtr<Timespec>, UserPtr<SelectSyscalls.MaskReference>>(
                "pselect6", &SelectSyscalls.SelectMasked);

        rows[Sys.epoll_create] = Syscall.Of<int>("epoll_create", &EpollSyscalls.Create);
        rows[Sys.epoll_create1] = Syscall.Of<OpenFlags>("epoll_create1", &EpollSyscalls.Create1);
        rows[Sys.epoll_ctl] = Syscall.Of<Fd, int, Fd, UserPtr<EpollEvent>>("epoll_ctl", &EpollSyscalls.Control);
        rows[Sys.epoll_wait] = Syscall.Of<Fd, UserPtr<EpollEvent>, int, int>("epoll_wait", &EpollSyscalls.Wait);
        rows[Sys.epoll_pwait] = Syscall.Of<Fd, UserPtr<EpollEvent>, int, int, UserPtr<SignalSet>, nuint>(
            "epoll_pwait", &EpollSyscalls.WaitMasked);
        rows[Sys.epoll_pwait2] = Syscall.Of<Fd, UserPtr<EpollEvent>, int, UserPtr<Timespec>, UserPtr<SignalSet>, nuint>(
            "epoll_pwait2", &EpollSyscalls.WaitMasked2);
    }
}
