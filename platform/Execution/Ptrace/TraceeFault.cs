using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Ptrace;

/// <summary>What a signal that a tracee has stopped at says of its code.</summary>
internal static class TraceeFault
{
    private const int AccessRefused = 2; // SEGV_ACCERR
    private const ulong Present = 1, Written = 2, User = 4, Fetched = 16;

    /// <summary>True if the guest's code has faulted; false for a signal that somebody on the host has sent.</summary>
    public static bool TryRead(TracedThread thread, int signal, out FaultInfo fault)
    {
        fault = default;
        Span<byte> bytes = stackalloc byte[128];
        if (!IsFault((Signal)signal) || HostPtrace.GetSignal(thread.HostThreadId, bytes) != Errno.Ok)
            return false;
        FaultSignal information = MemoryMarshal.Read<FaultSignal>(bytes);
        if (information.Code <= 0)
            return false;
        ulong trap = TrapOf((Signal)signal, information.Code);
        ulong error = trap == PageFault ? ErrorOf(thread, information) : 0;
        fault = new FaultInfo(signal, information.Code, information.Address, trap, error);
        return true;
    }

    private const ulong DivideError = 0, Debug = 1, Breakpoint = 3, InvalidOpcode = 6, GeneralProtection = 13,
        PageFault = 14;
    private const ulong AlignmentCheck = 17, SimdError = 19;

    private static bool IsFault(Signal signal) => signal is Linux.Signal.Segment or Linux.Signal.Bus
        or Linux.Signal.IllegalInstruction or Linux.Signal.FloatingPoint or Linux.Signal.Trap;

    /// <summary>The processor's number for it: ptrace(2) does not tell, but each signal and code has one.</summary>
    private static ulong TrapOf(Signal signal, int code)
    {
        const int fromKernel = 0x80, divide = 1, alignment = 1;
        return signal switch
        {
            Linux.Signal.Segment => code == fromKernel ? GeneralProtection : PageFault,
            Linux.Signal.Bus => code == alignment ? AlignmentCheck : PageFault,
            Linux.Signal.IllegalInstruction => InvalidOpcode,
            Linux.Signal.FloatingPoint => code == divide ? DivideError : SimdError,
            _ => code == fromKernel ? Breakpoint : Debug,
        };
    }

    /// <summary>
    /// The error code of a page fault, as far as it can be told afterwards: what was refused where reading is allowed
    /// was a write.
    /// </summary>
    private static ulong ErrorOf(TracedThread thread, in FaultSignal information)
    {
        ulong error = User;
        if (information.Address == thread.Registers.Rip)
            error |= Fetched;
        if (information.Code != AccessRefused)
            return error;
        error |= Present;
        bool mayRead = !thread.Space.FindMapping(new UserAddress(information.Address)).Failed(
            out HostMapping mapping, out _)
            && (mapping.Protection & (MemoryProtection.Read | MemoryProtection.Write)) == MemoryProtection.Read;
        return mayRead && (error & Fetched) == 0 ? error | Written : error;
    }
}
