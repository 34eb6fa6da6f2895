using System.Runtime.InteropServices;

namespace Sandbox.Linux;

/// <summary>Why a waited-for thread is not running (waitid(2), si_code of SIGCHLD).</summary>
public enum TraceeState
{
    /// <summary>It is no child and no tracee (any more).</summary>
    Unknown = 0,
    Exited = 1,
    Killed = 2,
    Dumped = 3,
    Stopped = 4,
}

/// <summary>A system call at which a tracee has stopped (struct ptrace_syscall_info, linux/ptrace.h).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct TracedCall
{
    public const byte Entry = 1, Exit = 2;

    public byte Kind;
    private readonly byte _padding;
    private readonly ushort _reserved;

    /// <summary>AUDIT_ARCH_…: 32-bit calls of a 64-bit program have another one.</summary>
    public uint Architecture;

    /// <summary>Behind the instruction.</summary>
    public ulong InstructionPointer;
    public ulong StackPointer;

    /// <summary>At entry the number, at exit the result.</summary>
    public long Value;
    public ulong A0;
    public ulong A1;
    public ulong A2;
    public ulong A3;
    public ulong A4;
    public ulong A5;
    private readonly ulong _filterData;
}

/// <summary>
/// ptrace(2). Every request but <see cref="Seize"/> must come from the host thread that seized the tracee, which must
/// be stopped; ESRCH if it is not, or is gone.
/// </summary>
public static unsafe class HostPtrace
{
    private const int PokeUser = 6, Syscall = 24, Sysemu = 31;
    private const int GetSignalInfo = 0x4202, GetRegisterSet = 0x4204, SetRegisterSet = 0x4205, SeizeRequest = 0x4206;
    private const int InterruptRequest = 0x4207, GetSyscallInfo = 0x420E;
    private const int NoteRegisters = 1, NoteExtendedState = 0x202;

    /// <summary>The requests made here: what a filter has to allow.</summary>
    public static ReadOnlySpan<uint> Requests =>
    [
        PokeUser, Syscall, Sysemu, GetSignalInfo, GetRegisterSet, SetRegisterSet, SeizeRequest, InterruptRequest,
        GetSyscallInfo,
    ];

    /// <summary>Where rax stands in <see cref="UserRegisters"/>.</summary>
    private const int ResultOffset = 10 * sizeof(ulong);

    /// <summary>PTRACE_O_TRACESYSGOOD.</summary>
    public const int MarkCalls = 1;

    /// <summary>PTRACE_O_EXITKILL: the tracee dies with its tracer.</summary>
    public const int ExitKill = 0x100000;

    [StructLayout(LayoutKind.Sequential)]
    private struct Vector
    {
        public ulong Base;
        public ulong Length;
    }

    /// <summary>From now on the calling host thread traces the thread, which goes on running. EPERM, ESRCH.</summary>
    public static Errno Seize(int tid, int options) => Request(SeizeRequest, tid, 0, options);

    /// <summary>Stops a tracee that runs.</summary>
    public static Errno Interrupt(int tid) => Request(InterruptRequest, tid);

    /// <summary>Lets it run to its next system call, which is not executed.</summary>
    public static Errno ResumeToEmulatedCall(int tid) => Request(Sysemu, tid);

    /// <summary>Lets it run to the next beginning or end of a system call, which the host executes.</summary>
    public static Errno ResumeToCall(int tid) => Request(Syscall, tid);

    /// <summary>The result register of a tracee that is stopped at a call.</summary>
    public static Errno SetResult(int tid, long value) =>
        Request(PokeUser, tid, ResultOffset, value);

    public static Errno GetRegisters(int tid, out UserRegisters registers)
    {
        fixed (UserRegisters* start = &registers)
        {
            *start = default;
            Vector vector = new() { Base = (ulong)start, Length = (ulong)sizeof(UserRegisters) };
            return Request(GetRegisterSet, tid, NoteRegisters, (long)&vector);
        }
    }

    /// <summary>EIO: a segment or its base is not one of a user.</summary>
    public static Errno SetRegisters(int tid, in UserRegisters registers)
    {
        fixed (UserRegisters* start = &registers)
        {
            Vector vector = new() { Base = (ulong)start, Length = (ulong)sizeof(UserRegisters) };
            return Request(SetRegisterSet, tid, NoteRegisters, (long)&vector);
        }
    }

    /// <summary>The XSAVE image: gives its length.</summary>
    public static Result<int> GetExtendedState(int tid, Span<byte> image)
    {
        fixed (byte* start = image)
        {
            Vector vector = new() { Base = (ulong)start, Length = (ulong)image.Length };
            Errno error = Request(GetRegisterSet, tid, NoteExtendedState, (long)&vector);
            return error == Errno.Ok ? (int)vector.Length : error;
        }
    }

    /// <summary>EINVAL: reserved bits are set.</summary>
    public static Errno SetExtendedState(int tid, ReadOnlySpan<byte> image)
    {
        fixed (byte* start = image)
        {
            Vector vector = new() { Base = (ulong)start, Length = (ulong)image.Length };
            return Request(SetRegisterSet, tid, NoteExtendedState, (long)&vector);
        }
    }

    /// <summary>The siginfo_t of the signal that a tracee has stopped at.</summary>
    public static Errno GetSignal(int tid, Span<byte> information)
    {
        const int bytes = 128;
        if (information.Length < bytes)
            return Errno.EINVAL;
        fixed (byte* start = information)
            return Request(GetSignalInfo, tid, 0, (long)start);
    }

    /// <summary>PTRACE_GET_SYSCALL_INFO (Linux 5.3).</summary>
    public static Errno GetCall(int tid, out TracedCall call)
    {
        fixed (TracedCall* start = &call)
        {
            *start = default;
            Errno error = Request(GetSyscallInfo, tid, sizeof(TracedCall), (long)start);
            return error;
        }
    }

    /// <summary>
    /// Sleeps until the thread is stopped or has ended, and leaves it so: it can be asked for again, and is not reaped.
    /// The status is the signal that ended it, its exit status, or what it stopped at.
    /// </summary>
    public static TraceeState Wait(int tid, out int status) => Wait(tid, Exited | Stopped | LeaveIt, out status);

    /// <summary>Reaps a thread that has ended or ends soon.</summary>
    public static TraceeState Reap(int tid, out int status) => Wait(tid, Exited, out status);

    /// <summary>
    /// The thread has ended and waits to be reaped. A stop, which the host tells of a tracee unasked, is left alone.
    /// </summary>
    public static bool HasEnded(int tid) => Wait(tid, Exited | DoNotWait | LeaveIt, out _)
        is TraceeState.Exited or TraceeState.Killed or TraceeState.Dumped;

    /// <summary>
    /// Reaps a thread of which <see cref="HasEnded"/> is true: of a live tracee this would take a stop away.
    /// </summary>
    public static TraceeState ReapNow(int tid) => Wait(tid, Exited | DoNotWait, out _);

    /// <summary>The stop that a tracee is in is told of no more. Of one that has ended nothing is taken.</summary>
    public static TraceeState TakeStop(int tid) => Wait(tid, Stopped | DoNotWait, out _);

    private const int DoNotWait = 1, Stopped = 2, Exited = 4, LeaveIt = 0x01000000, AllKinds = 0x40000000;

    private static TraceeState Wait(int tid, int flags, out int status)
    {
        const int byPid = 1;
        int* information = stackalloc int[32];
        information[2] = 0;
        long result = HostSyscall.CallRetrying(Sys.waitid, byPid, tid, (long)information, flags | AllKinds, 0);
        status = information[6];
        return result < 0 ? TraceeState.Unknown : (TraceeState)Math.Min(information[2], (int)TraceeState.Stopped);
    }

    private static Errno Request(int request, int tid, long address = 0, long data = 0) =>
        HostSyscall.ErrorOf(HostSyscall.Call(Sys.ptrace, request, tid, address, data));
}
