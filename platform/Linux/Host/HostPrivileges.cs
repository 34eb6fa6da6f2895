namespace Sandbox.Linux;

/// <summary>Giving up what a process does not need: capabilities, descriptor limits, creation mask.</summary>
public static unsafe class HostPrivileges
{
    private const int PrctlSetDumpable = 4, PrctlDropBounding = 24;
    private const int PrctlAmbient = 47, PrctlAmbientClearAll = 4;
    private const uint CapabilityVersion3 = 0x20080522;
    private const int LimitOpenFiles = 7;

    /// <summary>
    /// Keeps only the capabilities in <paramref name="keep"/> (bit N: capability N) of those the calling *thread* has,
    /// in every set; threads it starts later inherit that. Errors: EPERM.
    /// </summary>
    public static Errno KeepCapabilities(ulong keep)
    {
        // Ends at the first number the kernel does not know (EINVAL). EPERM without CAP_SETPCAP:
        // then the set below must do.
        for (int capability = 0; capability < 64; capability++)
        {
            if ((keep >> capability & 1) == 0 && HostSyscall.Call(Sys.prctl, PrctlDropBounding, capability) < 0)
                break;
        }

        HostSyscall.Call(Sys.prctl, PrctlAmbient, PrctlAmbientClearAll);
        // struct __user_cap_header_struct, then two of __user_cap_data_struct: effective, permitted, inheritable.
        uint* header = stackalloc uint[2] { CapabilityVersion3, 0 };
        uint* data = stackalloc uint[6];
        if (HostSyscall.ErrorOf(HostSyscall.Call(Sys.capget, (long)header, (long)data)) is not Errno.Ok and Errno error)
            return error;
        uint low = data[1] & (uint)keep, high = data[4] & (uint)(keep >> 32);
        (data[0], data[1], data[2], data[3], data[4], data[5]) = (low, low, 0, high, high, 0);
        return HostSyscall.ErrorOf(HostSyscall.Call(Sys.capset, (long)header, (long)data));
    }

    /// <summary>Raises the soft limit of open descriptors to the hard one, and answers it.</summary>
    public static Result<long> RaiseOpenFilesLimit()
    {
        long* limit = stackalloc long[2];
        if (HostSyscall.ErrorOf(HostSyscall.Call(Sys.prlimit64, 0, LimitOpenFiles, 0, (long)limit))
            is not Errno.Ok and Errno error)
            return error;
        limit[0] = limit[1];
        long result = HostSyscall.Call(Sys.prlimit64, 0, LimitOpenFiles, (long)limit, 0);
        return HostSyscall.ErrorOf(result) is not Errno.Ok and Errno failed ? failed : limit[0];
    }

    /// <summary>umask(2).</summary>
    public static void SetCreationMask(uint mask) => HostSyscall.Call(Sys.umask, mask);

    /// <summary>Nobody but root may trace this process or read its memory (prctl(2), PR_SET_DUMPABLE).</summary>
    public static void ForbidTracing() => HostSyscall.Call(Sys.prctl, PrctlSetDumpable, 0);
}
