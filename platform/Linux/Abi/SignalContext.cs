using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sandbox.Linux;

/// <summary>
/// struct sigcontext, x86-64 (arch/x86/include/uapi/asm/sigcontext.h): the registers in a signal frame, both in those
/// the host pushes for the stub's handler and in those the Sentry pushes for a guest's.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public struct SignalContext
{
    /// <summary>The selectors of 64-bit user code and of its stack (arch/x86/include/asm/segment.h).</summary>
    public const ushort UserCodeSegment = 0x33, UserStackSegment = 0x2B;

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
    public ushort Cs;
    public ushort Gs;
    public ushort Fs;
    public ushort Ss;
    public ulong ErrorCode;
    public ulong TrapNumber;
    public ulong OldMask;
    public ulong FaultAddress;

    /// <summary>Address of the XSAVE area, 64-byte aligned; 0 resets the extended state at return.</summary>
    public ulong ExtendedState;
    private readonly ReservedWords _reserved;

    [InlineArray(8)]
    private struct ReservedWords
    {
        private ulong _first;
    }

    /// <summary>Takes the general registers, the instruction pointer and the flags over; no segment.</summary>
    public void SetGeneral(in UserRegisters from)
    {
        (R15, R14, R13, R12, Rbp, Rbx) = (from.R15, from.R14, from.R13, from.R12, from.Rbp, from.Rbx);
        (R11, R10, R9, R8, Rax, Rcx) = (from.R11, from.R10, from.R9, from.R8, from.Rax, from.Rcx);
        (Rdx, Rsi, Rdi, Rip, Eflags, Rsp) = (from.Rdx, from.Rsi, from.Rdi, from.Rip, from.Eflags, from.Rsp);
    }

    /// <summary>What <see cref="SetGeneral"/> takes over, the other way.</summary>
    public readonly void CopyGeneralTo(ref UserRegisters to)
    {
        (to.R15, to.R14, to.R13, to.R12, to.Rbp, to.Rbx) = (R15, R14, R13, R12, Rbp, Rbx);
        (to.R11, to.R10, to.R9, to.R8, to.Rax, to.Rcx) = (R11, R10, R9, R8, Rax, Rcx);
        (to.Rdx, to.Rsi, to.Rdi, to.Rip, to.Eflags, to.Rsp) = (Rdx, Rsi, Rdi, Rip, Eflags, Rsp);
    }
}
