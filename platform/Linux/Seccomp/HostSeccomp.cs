using System.Runtime.InteropServices;

namespace Sandbox.Linux;

/// <summary>SECCOMP_FILTER_FLAG_* (seccomp(2)).</summary>
[Flags]
public enum SeccompFlags
{
    None = 0,

    /// <summary>Puts the filter on every thread of the process.</summary>
    ThreadSync = 1,
    Log = 2,
    NewListener = 8,

    /// <summary>Once a notification was received, only a fatal signal interrupts its caller (Linux 5.19).</summary>
    WaitKillableReceive = 32,
}

/// <summary>seccomp(2) on the calling process.</summary>
public static unsafe class HostSeccomp
{
    private const int SetModeFilter = 1, SetNoNewPrivileges = 38;

    [StructLayout(LayoutKind.Sequential)]
    private struct FilterProgram
    {
        public ulong Length; // unsigned short and its padding
        public BpfInstruction* Instructions;
    }

    /// <summary>The caller runs under a filter already: somebody else's, before its first own one.</summary>
    public static bool IsFiltered
    {
        get
        {
            const int getSeccomp = 21;
            return HostSyscall.Call(Sys.prctl, getSeccomp) != 0;
        }
    }

    /// <summary>
    /// Sets no_new_privs and installs the filter. Gives 0, or the listener with <see cref="SeccompFlags.NewListener"/>.
    /// With <see cref="SeccompFlags.ThreadSync"/> ESRCH if some thread could not take it.
    /// </summary>
    public static Result<int> Install(ReadOnlySpan<BpfInstruction> instructions, SeccompFlags flags)
    {
        if (HostSyscall.ErrorOf(HostSyscall.Call(Sys.prctl, SetNoNewPrivileges, 1)) is not Errno.Ok and Errno error)
            return error;
        fixed (BpfInstruction* start = instructions)
        {
            FilterProgram program = new() { Length = (ulong)instructions.Length, Instructions = start };
            long result = HostSyscall.Call(Sys.seccomp, SetModeFilter, (int)flags, (long)&program);
            if (result > 0 && (flags & SeccompFlags.ThreadSync) != 0 && (flags & SeccompFlags.NewListener) == 0)
                return Errno.ESRCH; // The id of a thread that has a filter of its own.
            return HostSyscall.AsInt(result);
        }
    }
}
