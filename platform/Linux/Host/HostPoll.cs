using System.Runtime.InteropServices;

namespace Sandbox.Linux;

/// <summary>struct pollfd.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct PollFd(int fd, PollEvents events)
{
    /// <summary>Negative numbers are skipped.</summary>
    public int Fd = fd;
    private readonly ushort _events = (ushort)events;
    private readonly ushort _found;

    /// <summary>What was found; Error, HangUp and Invalid without having been asked for.</summary>
    public readonly PollEvents Found => (PollEvents)_found;
}

/// <summary>poll(2).</summary>
public static unsafe class HostPoll
{
    /// <summary>
    /// Waits until something is found, and gives the number of descriptors that have it; 0 after the timeout
    /// (milliseconds, -1: none). Errors: EINTR.
    /// </summary>
    public static Result<int> Wait(Span<PollFd> fds, int timeoutMilliseconds)
    {
        fixed (PollFd* start = fds)
            return HostSyscall.AsInt(HostSyscall.Call(Sys.poll, (long)start, fds.Length, timeoutMilliseconds));
    }

    /// <summary>What is ready on <paramref name="fd"/> at this moment.</summary>
    public static PollEvents Now(int fd, PollEvents events) => One(fd, events, 0);

    /// <summary>Waits until something is ready on <paramref name="fd"/>.</summary>
    public static PollEvents WaitOne(int fd, PollEvents events) => One(fd, events, -1);

    private static PollEvents One(int fd, PollEvents events, int timeoutMilliseconds)
    {
        PollFd entry = new(fd, events);
        HostSyscall.CallRetrying(Sys.poll, (long)&entry, 1, timeoutMilliseconds);
        return entry.Found;
    }

    /// <summary>Waits until one of the two is readable (or in error); true for each that is.</summary>
    public static (bool First, bool Second) WaitReadable(int first, int second) => WaitReadable(first, second, -1);

    /// <summary>As <see cref="WaitReadable(int, int)"/>; neither after the timeout (milliseconds).</summary>
    public static (bool First, bool Second) WaitReadable(int first, int second, int timeoutMilliseconds)
    {
        PollFd* entries = stackalloc PollFd[2];
        entries[0] = new PollFd(first, PollEvents.In);
        entries[1] = new PollFd(second, PollEvents.In);
        HostSyscall.CallRetrying(Sys.poll, (long)entries, 2, timeoutMilliseconds);
        return (entries[0].Found != 0, entries[1].Found != 0);
    }
}
