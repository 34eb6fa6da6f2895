using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>stack_t (sigaltstack(2)).</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct UserSignalStack(UserAddress Base, int Flags, int Padding, ulong Size)
{
    public UserSignalStack(in SignalStack stack)
        : this(stack.Base, stack.Flags, 0, stack.Size)
    {
    }
}

/// <summary>
/// What lies on the guest's stack while a handler runs: struct rt_sigframe, x86-64 (arch/x86/include/asm/sigframe.h).
/// </summary>
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
