using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sandbox.Linux;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>struct sigcontext, x86-64 (arch/x86/include/uapi/asm/sigcontext.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SignalContext
{
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

    /// <summary>Guest address of the XSAVE area, or 0.</summary>
    public ulong ExtendedState;
    private readonly ReservedWords _reserved;

    [InlineArray(8)]
    private struct ReservedWords
    {
        private ulong _first;
    }
}

/// <summary>stack_t (sigaltstack(2)).</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct UserSignalStack(UserAddress Base, int Flags, int Padding, ulong Size)
{
    public UserSignalStack(in SignalStack stack)
        : this(stack.Base, stack.Flags, 0, stack.Size)
    {
    }
}

/// <summary>What lies on the guest's stack while a handler runs: struct rt_sigframe, x86-64 (arch/x86/include/asm/sigframe.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SignalFrame
{
    /// <summary>uc_flags: the area at ExtendedState is XSAVE's, and SS is saved and restored as it is.</summary>
    public const ulong HasXsave = 1, SavesSs = 2, RestoresSsStrictly = 4;

    /// <summary>Where struct ucontext and siginfo_t lie in the frame, bytes.</summary>
    public const ulong UserContextOffset = 8, InfoOffset = 312;

    /// <summary>The restorer: where the handler returns to.</summary>
    public ulong ReturnAddress;

    // struct ucontext.
    public ulong Flags;
    public ulong Link;
    public UserSignalStack Stack;
    public SignalContext Context;
    public SignalSet Mask;

    public SignalInfo Info;

    /// <summary>Bytes of the frame without the extended state.</summary>
    public static int Size => Unsafe.SizeOf<SignalFrame>();
}
