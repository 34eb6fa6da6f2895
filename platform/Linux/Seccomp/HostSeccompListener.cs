using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sandbox.Linux;

/// <summary>struct seccomp_notif (include/uapi/linux/seccomp.h).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct SeccompNotification
{
    public ulong Id;

    /// <summary>The calling thread's id in the receiver's pid namespace; 0 if it is outside of it.</summary>
    public int ThreadId;
    public uint Flags;
    public int Number;
    public uint Architecture;
    public ulong InstructionPointer;
    public ulong A0;
    public ulong A1;
    public ulong A2;
    public ulong A3;
    public ulong A4;
    public ulong A5;
}

/// <summary>The ioctls of a seccomp listener (seccomp_unotify(2)).</summary>
public static unsafe class HostSeccompListener
{
    private const long ReceiveRequest = 0xC050_2100, SendRequest = 0xC018_2101, AddFdRequest = 0x4018_2103;
    private const long SetFlagsRequest = 0x4008_2104;
    private const uint ContinueFlag = 1, AddFdSetFd = 1;
    private const int GetNotificationSizes = 3, SetModeFilter = 1;

    [StructLayout(LayoutKind.Sequential)]
    private struct Response
    {
        public ulong Id;
        public long Value;
        public int Error;
        public uint Flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct AddFdArguments
    {
        public ulong Id;
        public uint Flags;
        public int SourceFd;
        public int NewFd;
        public uint NewFdFlags;
    }

    /// <summary>
    /// Waits for the next notification. ENOENT: the caller died meanwhile, or (Linux 6.11) every user of the filter
    /// has; EINTR: a signal.
    /// </summary>
    public static Errno Receive(int listener, out SeccompNotification notification)
    {
        Unsafe.SkipInit(out notification);
        fixed (SeccompNotification* start = &notification)
        {
            *start = default; // The kernel refuses a buffer that is not zero.
            return HostSyscall.ErrorOf(HostSyscall.Call(Sys.ioctl, listener, ReceiveRequest, (long)start));
        }
    }

    /// <summary>The call answers <paramref name="value"/>. ENOENT if its thread is gone.</summary>
    public static Errno Answer(int listener, ulong id, long value)
    {
        Response response = new() { Id = id, Value = value };
        return HostSyscall.ErrorOf(HostSyscall.Call(Sys.ioctl, listener, SendRequest, (long)&response));
    }

    /// <summary>The host executes the call as it was made. Only for calls without pointers.</summary>
    public static Errno Continue(int listener, ulong id)
    {
        Response response = new() { Id = id, Flags = ContinueFlag };
        return HostSyscall.ErrorOf(HostSyscall.Call(Sys.ioctl, listener, SendRequest, (long)&response));
    }

    /// <summary>
    /// Gives the caller <paramref name="fd"/> as its descriptor <paramref name="number"/>, replacing what was there.
    /// </summary>
    public static Errno AddFd(int listener, ulong id, int fd, int number)
    {
        AddFdArguments arguments = new() { Id = id, Flags = AddFdSetFd, SourceFd = fd, NewFd = number };
        return HostSyscall.ErrorOf(HostSyscall.Call(Sys.ioctl, listener, AddFdRequest, (long)&arguments));
    }

    /// <summary>
    /// Wakes receiver and caller on one core (SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP, Linux 6.6). EINVAL before that.
    /// </summary>
    public static Errno SetSynchronousWakeUp(int listener) =>
        HostSyscall.ErrorOf(HostSyscall.Call(Sys.ioctl, listener, SetFlagsRequest, 1));

    /// <summary>
    /// Why user notification as we use it is not to be had here, or null if it is. Installs nothing.
    /// </summary>
    public static string? FindObstacle()
    {
        ulong sizes = 0; // three u16: notification, response, data
        if (HostSyscall.Call(Sys.seccomp, GetNotificationSizes, 0, (long)&sizes) < 0)
            return "the kernel lacks seccomp user notification (Linux 5.0, CONFIG_SECCOMP_FILTER)";
        if ((ushort)sizes != sizeof(SeccompNotification) || (ushort)(sizes >> 16) != sizeof(Response))
            return "the kernel lacks a known layout of struct seccomp_notif";
        // With a null program the kernel answers EFAULT when it knows the flags and EINVAL when not.
        long flags = (long)(SeccompFlags.NewListener | SeccompFlags.WaitKillableReceive);
        return HostSyscall.ErrorOf(HostSyscall.Call(Sys.seccomp, SetModeFilter, flags, 0)) switch
        {
            Errno.EFAULT => null,
            Errno.EINVAL => "the kernel lacks SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (Linux 5.19)",
            Errno error => $"a seccomp filter that this process runs under refuses a listener ({error})",
        };
    }
}
