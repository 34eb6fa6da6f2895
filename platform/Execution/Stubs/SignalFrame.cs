using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sandbox.Linux;

namespace Sandbox.Platform.Stubs;

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
    public SignalContext Context;

    /// <summary>The mask that rt_sigreturn sets: none of the host's signals is ever blocked in guest code.</summary>
    public ulong SignalMask;
    public FaultSignal Signal;

    /// <summary>Bytes from the frame's start to the ucontext, and the size of what the Sentry edits.</summary>
    public static int ContextOffset => 8;

    /// <summary>The registers as ptrace orders them. FsBase and GsBase are not in a frame.</summary>
    public readonly UserRegisters ToRegisters(ulong fsBase, ulong gsBase)
    {
        UserRegisters registers = new()
        {
            OrigRax = ulong.MaxValue, FsBase = fsBase, GsBase = gsBase,
            Cs = Context.Cs, Ss = Context.Ss, Fs = Context.Fs, Gs = Context.Gs,
        };
        Context.CopyGeneralTo(ref registers);
        return registers;
    }

    /// <summary>
    /// Takes general registers over. Zero code and stack segments mean the 64-bit ones (an image just loaded).
    /// </summary>
    public void SetRegisters(in UserRegisters from)
    {
        Context.SetGeneral(in from);
        Context.Cs = from.Cs == 0 ? SignalContext.UserCodeSegment : (ushort)from.Cs;
        Context.Ss = from.Ss == 0 ? SignalContext.UserStackSegment : (ushort)from.Ss;
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
