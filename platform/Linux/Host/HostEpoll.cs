using System.Runtime.InteropServices;

namespace Sandbox.Linux;

/// <summary>struct epoll_event, x86-64: packed, 12 bytes (epoll_ctl(2)).</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
public readonly record struct HostEpollEvent(PollEvents Events, ulong Data);

/// <summary>The host's epoll(7), for readiness of the descriptors that the Sentry holds.</summary>
public static unsafe class HostEpoll
{
    private const int CloseOnExec = 0x80000, AddCommand = 1, RemoveCommand = 2;

    public static Result<int> Create() => HostSyscall.AsInt(HostSyscall.Call(Sys.epoll_create1, CloseOnExec));

    /// <summary>EPERM for a file that is always ready, EEXIST.</summary>
    public static Errno Add(int epoll, int fd, PollEvents events, ulong data)
    {
        HostEpollEvent entry = new(events, data);
        return HostSyscall.ErrorOf(HostSyscall.Call(Sys.epoll_ctl, epoll, AddCommand, fd, (long)&entry));
    }

    public static Errno Remove(int epoll, int fd) =>
        HostSyscall.ErrorOf(HostSyscall.Call(Sys.epoll_ctl, epoll, RemoveCommand, fd));

    /// <summary>
    /// Sleeps until something is ready or the time is over (milliseconds, -1 for ever); EINTR counts as nothing ready.
    /// </summary>
    public static Result<int> Wait(int epoll, Span<HostEpollEvent> events, int timeoutMilliseconds)
    {
        fixed (HostEpollEvent* start = events)
        {
            Result<int> result = HostSyscall.AsInt(HostSyscall.Call(
                Sys.epoll_pwait, epoll, (long)start, events.Length, timeoutMilliseconds, 0, 8));
            return result.Error == Errno.EINTR ? 0 : result;
        }
    }
}
