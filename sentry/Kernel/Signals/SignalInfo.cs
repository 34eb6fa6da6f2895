using System.Runtime.InteropServices;
using Sandbox.Linux;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>
/// siginfo_t, x86-64, 128 bytes (sigaction(2)). One overlay with the fields the kernel fills;
/// helpers make the usual forms.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 128)]
internal struct SignalInfo
{
    public const int CodeUser = 0, CodeKernel = 0x80, CodeQueue = -1, CodeTimer = -2, CodeMessageQueue = -3,
        CodeTgkill = -6;
    public const int ChildExited = 1, ChildKilled = 2, ChildDumped = 3, ChildTrapped = 4, ChildStopped = 5,
        ChildContinued = 6;

    [FieldOffset(0)]
    public int Number;
    [FieldOffset(4)]
    public int Error;
    [FieldOffset(8)]
    public int Code;

    /// <summary>si_pid in the receiver's pid namespace.</summary>
    [FieldOffset(16)]
    public int SenderPid;

    /// <summary>si_timerid of SI_TIMER.</summary>
    [FieldOffset(16)]
    public int TimerId;
    [FieldOffset(16)]
    public ulong Address;

    [FieldOffset(20)]
    public uint SenderUserId;
    [FieldOffset(20)]
    public int Overrun;

    /// <summary>si_value (SI_QUEUE, SI_TIMER), or si_status of SIGCHLD in its low half.</summary>
    [FieldOffset(24)]
    public ulong Value;
    [FieldOffset(24)]
    public int Status;
    [FieldOffset(32)]
    public long UserTimeTicks;
    [FieldOffset(40)]
    public long SystemTimeTicks;

    /// <summary>si_call_addr, si_syscall and si_arch of SIGSYS overlay Address, +24 and +28.</summary>
    [FieldOffset(28)]
    public uint Architecture;

    [FieldOffset(120)]
    private readonly long _end;

    public readonly Signal Signal => (Signal)Number;

    /// <summary>A signal the kernel sends by itself (SI_KERNEL).</summary>
    public static SignalInfo FromKernel(Signal signal) => new() { Number = (int)signal, Code = CodeKernel };
}
