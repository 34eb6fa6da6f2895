namespace Sandbox.Linux;

/// <summary>How many descriptors this process may have open (RLIMIT_NOFILE).</summary>
public static unsafe class HostDescriptors
{
    private const int NumberOfFiles = 7;

    /// <summary>Raises the soft limit to the hard one, and gives it.</summary>
    public static long RaiseLimit()
    {
        ulong* limits = stackalloc ulong[2];
        const long unknown = 1024;
        if (HostSyscall.Call(Sys.prlimit64, 0, NumberOfFiles, 0, (long)limits) != 0)
            return unknown;
        ulong soft = limits[0];
        limits[0] = limits[1];
        bool isRaised = HostSyscall.Call(Sys.prlimit64, 0, NumberOfFiles, (long)limits, 0) == 0;
        return (long)Math.Min(isRaised ? limits[1] : soft, int.MaxValue);
    }
}
