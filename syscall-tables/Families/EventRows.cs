using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Event;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Syscalls;
using F = Sandbox.SyscallTables.Tracing.ArgumentFormat;

namespace Sandbox.SyscallTables.Families;

/// <summary>Pipes, and waiting for several files: poll, select, epoll, eventfd.</summary>
internal static unsafe class EventRows
{
    public static void Add(Syscall?[] rows)
    {
        rows[Sys.pipe] = Syscall.Of<UserPtr<FdPair>>("pipe", &PipeSyscalls.Pipe);
        rows[Sys.pipe2] = Syscall.Of<UserPtr<FdPair>, OpenFlags>("pipe2", &PipeSyscalls.Pipe2);
        rows[Sys.eventfd] = Syscall.Of<uint>("eventfd", &EventSyscalls.EventFd);
        rows[Sys.eventfd2] = Syscall.Of<uint, OpenFlags>("eventfd2", &EventSyscalls.EventFd2);
        rows[Sys.timerfd_create] = Syscall.Of<int, OpenFlags>("timerfd_create", &TimerFdSyscalls.Create)
            .Shows(F.Clock, F.DescriptorFlags);
        rows[Sys.timerfd_settime] = Syscall.Of<Fd, int, UserPtr<IntervalTime>, UserPtr<IntervalTime>>(
            "timerfd_settime", &TimerFdSyscalls.SetTime).Partial("TFD_TIMER_CANCEL_ON_SET never cancels")
            .Shows(F.Fd, F.TimerFlags, F.TimerTime, F.TimerTimeOut);
        rows[Sys.timerfd_gettime] = Syscall.Of<Fd, UserPtr<IntervalTime>>("timerfd_gettime", &TimerFdSyscalls.GetTime)
            .Shows(F.Fd, F.TimerTimeOut);
        rows[Sys.signalfd] = Syscall.Of<Fd, UserPtr<SignalSet>, nuint>("signalfd", &SignalFdSyscalls.SignalFd);
        rows[Sys.signalfd4] = Syscall.Of<Fd, UserPtr<SignalSet>, nuint, OpenFlags>(
            "signalfd4", &SignalFdSyscalls.SignalFd4)
            .Partial("always takes the signals of the task that made it");
        rows[Sys.pidfd_open] = Syscall.Of<int, OpenFlags>("pidfd_open", &PidFdSyscalls.Open).Partial("no PIDFD_THREAD");
        rows[Sys.pidfd_send_signal] = Syscall.Of<Fd, int, UserPtr<SignalInfo>, uint>(
            "pidfd_send_signal", &PidFdSyscalls.SendSignal)
            .Shows(F.Fd, F.Signal, F.SignalInfo, F.Unsigned32);
        rows[Sys.pidfd_getfd] = Syscall.Of<Fd, Fd, uint>("pidfd_getfd", &PidFdSyscalls.GetFd);
        rows[Sys.memfd_create] = Syscall.Of<UserString, uint>("memfd_create", &MemFdSyscalls.Create).Partial(
            "no MFD_HUGETLB")
            .Shows(F.Text, F.MemFdFlags);

        rows[Sys.poll] = Syscall.Of<UserPtr<PollDescriptor>, uint, int>("poll", &PollSyscalls.Poll)
            .Waits("poll_schedule_timeout", withoutThread: true)
            .ByPage(PageCall.PollDescriptors);
        rows[Sys.ppoll] = Syscall.Of<UserPtr<PollDescriptor>, uint, UserPtr<Timespec>, UserPtr<SignalSet>, nuint>(
            "ppoll", &PollSyscalls.PollMasked)
            .Waits("poll_schedule_timeout");
        rows[Sys.select] = Syscall.Of<int, UserPtr<ulong>, UserPtr<ulong>, UserPtr<ulong>, UserPtr<Timeval>>(
            "select", &SelectSyscalls.Select)
            .Waits("poll_schedule_timeout");
        rows[Sys.pselect6] =
            Syscall.Of<
                int, UserPtr<ulong>, UserPtr<ulong>, UserPtr<ulong>, UserPtr<Timespec>,
                UserPtr<SelectSyscalls.MaskReference>>(
                "pselect6", &SelectSyscalls.SelectMasked)
            .Waits("poll_schedule_timeout");

        rows[Sys.epoll_create] = Syscall.Of<int>("epoll_create", &EpollSyscalls.Create);
        rows[Sys.epoll_create1] = Syscall.Of<OpenFlags>("epoll_create1", &EpollSyscalls.Create1);
        rows[Sys.epoll_ctl] = Syscall.Of<Fd, int, Fd, UserPtr<EpollEvent>>("epoll_ctl", &EpollSyscalls.Control)
            .Shows(F.Fd, F.EpollOperation, F.Fd, F.EpollEvent)
            .ByPage(PageCall.EpollEvent);
        rows[Sys.epoll_wait] = Syscall.Of<Fd, UserPtr<EpollEvent>, int, int>("epoll_wait", &EpollSyscalls.Wait)
            .Shows(F.Fd, F.EpollEventsOut, F.Signed32, F.Signed32)
            .Waits("ep_poll", withoutThread: true)
            .ByPage(PageCall.NoInput);
        rows[Sys.epoll_pwait] = Syscall.Of<Fd, UserPtr<EpollEvent>, int, int, UserPtr<SignalSet>, nuint>(
            "epoll_pwait", &EpollSyscalls.WaitMasked)
            .Shows(F.Fd, F.EpollEventsOut, F.Signed32, F.Signed32, F.SignalSet, F.Unsigned64)
            .Waits("ep_poll");
        rows[Sys.epoll_pwait2] = Syscall.Of<Fd, UserPtr<EpollEvent>, int, UserPtr<Timespec>, UserPtr<SignalSet>, nuint>(
            "epoll_pwait2", &EpollSyscalls.WaitMasked2)
            .Shows(F.Fd, F.EpollEventsOut, F.Signed32, F.Time, F.SignalSet, F.Unsigned64)
            .Waits("ep_poll");
    }
}
