using System.Runtime.InteropServices;

namespace Sandbox.Linux;

/// <summary>poll(2) on one or two descriptors.</summary>
public static unsafe class HostPoll
{
    [StructLayout(LayoutKind.Sequential)]
    private struct Entry
    {
        public int Fd;
        public short Events;
        public short Result;
    }

    /// <summary>What is ready on <paramref name="fd"/> at this moment.</summary>
    public static PollEvents Now(int fd, PollEvents events)
    {
        Entry entry = new() { Fd = fd, Events = (short)events };
        HostSyscall.CallRetrying(Sys.poll, (long)&entry, 1, 0);
        return (PollEvents)(ushort)entry.Result;
    }

    /// <summary>Waits until one of the two is readable (or in error); true for each that is.</summary>
    public static (bool First, bool Second) WaitReadable(int first, int second)
    {
        Entry* entries = stackalloc Entry[2];
        entries[0] = new Entry { Fd = first, Events = (short)PollEvents.In };
        entries[1] = new Entry { Fd = second, Events = (short)PollEvents.In };
        HostSyscall.CallRetrying(Sys.poll, (long)entries, 2, -1);
        return (entries[0].Result != 0, entries[1].Result != 0);
    }
}
