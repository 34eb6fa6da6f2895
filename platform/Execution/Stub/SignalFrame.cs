using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sandbox.Linux;

namespace Sandbox.Platform.Stub;

/// <summary>
/// struct rt_sigframe of x86-64 up to and including siginfo (arch/x86/include/asm/sigframe.h): what the kernel pushes
/// for the stub's handler and takes back at rt_sigreturn. It lies in guest memory and is hostile.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SignalFrame
{
    public ulong ReturnAddress;

    // struct ucontext
    public ulong Flags;
    public ulong Link;
    public ulong StackPointer;
    public ulong StackFlags;
    public ulong StackBytes;

    // struct sigcontext
    public ulong R8;
    public ulong R9;
    public ulong R10;
    public ulong R11;
    public ulong R12;
    public ulong R13;
    public ulong R14;
    public ulong R15;
    public ulong Rdi;
    public ulong Rsi;
    public ulong Rbp;
    public ulong Rbx;
    public ulong Rdx;
    public ulong Rax;
    public ulong Rcx;
    public ulong Rsp;
    public ulong Rip;
    public ulong Eflags;

    /// <summary>cs, gs, fs, ss: 16 bits each.</summary>
    public ulong Segments;
    public ulong ErrorCode;
    public ulong TrapNumber;
    public ulong OldMask;
    public ulong FaultAddress;

    /// <summary>Address of the XSAVE area, 64-byte aligned; 0 resets the extended state at return.</summary>
    public ulong ExtendedState;
    private readonly Reserved _reserved;

    /// <summary>The mask that rt_sigreturn sets: none of the host's signals is ever blocked in guest code.</summary>
    public ulong SignalMask;
    public FaultSignal Signal;

    /// <summary>Bytes from the frame's start to the ucontext, and the size of what the Sentry edits.</summary>
    public static int ContextOffset => 8;

    [InlineArray(8)]
    private struct Reserved
    {
        private ulong _element;
    }

    private const ulong UserCodeSegment = 0x33, UserStackSegment = 0x2B;

    /// <summary>The registers as ptrace orders them. FsBase and GsBase are not in a frame.</summary>
    public readonly UserRegisters ToRegisters(ulong fsBase, ulong gsBase) => new()
    {
        R15 = R15, R14 = R14, R13 = R13, R12 = R12, Rbp = Rbp, Rbx = Rbx, R11 = R11, R10 = R10, R9 = R9, R8 = R8,
        Rax = Rax, Rcx = Rcx, Rdx = Rdx, Rsi = Rsi, Rdi = Rdi, OrigRax = ulong.MaxValue, Rip = Rip,
        Cs = Segments & 0xFFFF, Eflags = Eflags, Rsp = Rsp, Ss = Segments >> 48, FsBase = fsBase, GsBase = gsBase,
        Fs = (Segments >> 32) & 0xFFFF, Gs = (Segments >> 16) & 0xFFFF,
    };

    /// <summary>Takes general registers over. Zero code and stack segments mean the 64-bit ones (an image just loaded).</summary>
    public void SetRegisters(in UserRegisters from)
    {
        (R15, R14, R13, R12, Rbp, Rbx) = (from.R15, from.R14, from.R13, from.R12, from.Rbp, from.Rbx);
        (R11, R10, R9, R8, Rax, Rcx) = (from.R11, from.R10, from.R9, from.R8, from.Rax, from.Rcx);
        (Rdx, Rsi, Rdi, Rip, Eflags, Rsp) = (from.Rdx, from.Rsi, from.Rdi, from.Rip, from.Eflags, from.Rsp);
        ulong code = from.Cs == 0 ? UserCodeSegment : from.Cs & 0xFFFF;
        ulong stack = from.Ss == 0 ? UserStackSegment : from.Ss & 0xFFFF;
        Segments = code | (Segments & 0x0000_FFFF_FFFF_0000) | (stack << 48);
    }
}

/// <summary>siginfo_t as far as faults and SIGSYS need it (sigaction(2)).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FaultSignal
{
    public int Number;
    public int Error;
    public int Code;
    private readonly int _padding;

    /// <summary>si_addr; for SIGSYS si_call_addr.</summary>
    public ulong Address;

    /// <summary>SIGSYS: si_syscall and si_arch.</summary>
    public int SyscallNumber;
    public uint SyscallArchitecture;
    private readonly Rest _rest;

    [InlineArray(12)]
    private struct Rest
    {
        private ulong _element;
    }
}
