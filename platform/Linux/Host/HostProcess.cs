using System.Runtime.InteropServices;

namespace Sandbox.Linux;

/// <summary>How a process ended (waitid(2)).</summary>
/// <param name="Signal">The signal that killed it, or 0.</param>
/// <param name="Status">Its exit status, if no signal did.</param>
public readonly record struct ProcessEnd(int Signal, int Status);

/// <summary>Other processes of this user: pidfds, signals, memory, limits.</summary>
public static unsafe class HostProcess
{
    private const int ByPid = 1, ByPidFd = 3;

    [StructLayout(LayoutKind.Sequential)]
    private struct Vector
    {
        public ulong Base;
        public ulong Length;
    }

    /// <summary>pidfd_open(2). EINVAL if <paramref name="pid"/> is no thread group leader.</summary>
    public static Result<int> OpenPidFd(int pid) => HostSyscall.AsInt(HostSyscall.Call(Sys.pidfd_open, pid, 0));

    /// <summary>
    /// pidfd_getfd(2): a duplicate of descriptor <paramref name="number"/> of the process. EBADF if it has none.
    /// </summary>
    public static Result<int> GetFd(int pidFd, int number) =>
        HostSyscall.AsInt(HostSyscall.Call(Sys.pidfd_getfd, pidFd, number, 0));

    /// <summary>pidfd_send_signal(2).</summary>
    public static Errno Signal(int pidFd, Signal signal) =>
        HostSyscall.ErrorOf(HostSyscall.Call(Sys.pidfd_send_signal, pidFd, (int)signal, 0, 0));

    /// <summary>tgkill(2): to one thread.</summary>
    public static Errno SignalThread(int pid, int tid, Signal signal) =>
        HostSyscall.ErrorOf(HostSyscall.Call(Sys.tgkill, pid, tid, (int)signal));

    /// <summary>Reaps a child. ECHILD if it was reaped already (or SIGCHLD is ignored).</summary>
    public static Result<ProcessEnd> Wait(int pidFd) => Wait(ByPidFd, pidFd, 0, out _);

    /// <summary>As <see cref="Wait(int)"/>, of a child that there is no descriptor of.</summary>
    public static Result<ProcessEnd> WaitFor(int pid) => Wait(ByPid, pid, 0, out _);

    /// <summary>
    /// Waits for a child's end, and for what it has used, without reaping it: its id stays its own. ECHILD.
    /// </summary>
    public static Result<ProcessEnd> AwaitEnd(int pidFd, out ResourceUsage usage)
    {
        const int leaveWaitable = 0x01000000;
        return Wait(ByPidFd, pidFd, leaveWaitable, out usage);
    }

    private static Result<ProcessEnd> Wait(int kind, int id, int options, out ResourceUsage usage)
    {
        const int exited = 4, anyChild = 0x40000000, killed = 2, dumped = 3;
        int* information = stackalloc int[32];
        ResourceUsage used = default;
        long result = HostSyscall.CallRetrying(
            Sys.waitid, kind, id, (long)information, exited | anyChild | options, (long)&used);
        usage = used;
        if (HostSyscall.ErrorOf(result) is not Errno.Ok and Errno error)
            return error;
        (int code, int status) = (information[2], information[6]);
        return code is killed or dumped ? new ProcessEnd(status, 0) : new ProcessEnd(0, status);
    }

    /// <summary>
    /// Kills a child that there is no pidfd of, and reaps it: nobody else will. It is given a moment to die; what a
    /// busy host makes later stays a zombie. Only for a child that nobody else may reap,
    /// whose id cannot be another's therefore.
    /// </summary>
    public static void KillAndReap(int pid)
    {
        const int byPid = 1, exited = 4, anyChild = 0x40000000, noHang = 1, mostWaits = 100;
        int* information = stackalloc int[32];
        HostSyscall.Call(Sys.kill, pid, (int)Linux.Signal.Kill);
        for (int waits = 0; waits < mostWaits; waits++)
        {
            information[0] = 0;
            long result = HostSyscall.CallRetrying(
                Sys.waitid, byPid, pid, (long)information, exited | anyChild | noHang, 0);
            if (result != 0 || information[0] != 0)
                return;
            Thread.Sleep(1);
        }
    }

    /// <summary>
    /// process_vm_readv(2). Gives the bytes read, short where the other process's memory ends. EFAULT, ESRCH, EPERM.
    /// </summary>
    public static Result<int> ReadMemory(int tid, ulong address, Span<byte> buffer) =>
        Copy(Sys.process_vm_readv, tid, address, buffer);

    /// <summary>process_vm_writev(2). Gives the bytes written.</summary>
    public static Result<int> WriteMemory(int tid, ulong address, ReadOnlySpan<byte> buffer) =>
        Copy(Sys.process_vm_writev, tid, address, buffer);

    /// <summary>process_vm_writev(2) to two places. Gives the bytes written to both.</summary>
    public static Result<int> WriteMemory(
        int tid, ulong firstAddress, ReadOnlySpan<byte> first, ulong secondAddress, ReadOnlySpan<byte> second)
    {
        fixed (byte* firstStart = first, secondStart = second)
        {
            Vector* local = stackalloc Vector[2];
            Vector* remote = stackalloc Vector[2];
            local[0] = new() { Base = (ulong)firstStart, Length = (ulong)first.Length };
            local[1] = new() { Base = (ulong)secondStart, Length = (ulong)second.Length };
            remote[0] = new() { Base = firstAddress, Length = (ulong)first.Length };
            remote[1] = new() { Base = secondAddress, Length = (ulong)second.Length };
            return HostSyscall.AsInt(HostSyscall.Call(Sys.process_vm_writev, tid, (long)local, 2, (long)remote, 2, 0));
        }
    }

    /// <summary>struct procmap_query without its name and build id (include/uapi/linux/fs.h).</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Mapping
    {
        internal ulong Size;
        internal ulong QueryFlags;
        internal ulong QueryAddress;
        public ulong Start;
        public ulong End;

        /// <summary>1 readable, 2 writable, 4 executable, 8 shared.</summary>
        public ulong Flags;
        public ulong PageBytes;
        public ulong Offset;
        public ulong Inode;
        public uint DeviceMajor;
        public uint DeviceMinor;
        internal uint NameBytes;
        internal uint BuildIdBytes;
        internal ulong NameAddress;
        internal ulong BuildIdAddress;
    }

    /// <summary>
    /// PROCMAP_QUERY on an open /proc/PID/maps (Linux 6.11). ENOENT: nothing is mapped there; ENOTTY: too old.
    /// </summary>
    public static Result<Mapping> QueryMapping(int mapsFd, ulong address)
    {
        const long query = 0xC068_6611;
        Mapping mapping = new() { Size = (ulong)sizeof(Mapping), QueryAddress = address };
        long result = HostSyscall.CallRetrying(Sys.ioctl, mapsFd, query, (long)&mapping);
        return HostSyscall.ErrorOf(result) is not Errno.Ok and Errno error ? error : mapping;
    }

    private static Result<int> Copy(int number, int tid, ulong address, ReadOnlySpan<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            Vector local = new() { Base = (ulong)start, Length = (ulong)buffer.Length };
            Vector remote = new() { Base = address, Length = (ulong)buffer.Length };
            return HostSyscall.AsInt(HostSyscall.Call(number, tid, (long)&local, 1, (long)&remote, 1, 0));
        }
    }

    /// <summary>prlimit(2): the soft and hard limit of a process (0: this one).</summary>
    public static Result<(ulong Soft, ulong Hard)> GetLimit(int pid, int resource)
    {
        ulong* limits = stackalloc ulong[2];
        long result = HostSyscall.Call(Sys.prlimit64, pid, resource, 0, (long)limits);
        return HostSyscall.ErrorOf(result) is not Errno.Ok and Errno error ? error : (limits[0], limits[1]);
    }

    /// <summary>prlimit(2): sets both limits of a process (0: this one).</summary>
    public static Errno SetLimit(int pid, int resource, ulong soft, ulong hard)
    {
        ulong* limits = stackalloc ulong[2];
        (limits[0], limits[1]) = (soft, hard);
        return HostSyscall.ErrorOf(HostSyscall.Call(Sys.prlimit64, pid, resource, (long)limits, 0));
    }
}
