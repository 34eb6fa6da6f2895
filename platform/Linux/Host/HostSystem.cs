namespace Sandbox.Linux;

/// <summary>The host as a whole.</summary>
public static unsafe class HostSystem
{
    /// <summary>
    /// Replaces <paramref name="bytes"/> by the host's memory (sysinfo(2)); leaves it if that is not known.
    /// </summary>
    public static void TotalMemory(ref long bytes)
    {
        // struct sysinfo: uptime, loads[3], totalram, …, mem_unit at byte 104; all of 112 bytes.
        const int totalIndex = 4, unitOffset = 104, structBytes = 112;
        byte* info = stackalloc byte[structBytes];
        if (HostSyscall.Call(Sys.sysinfo, (long)info) == 0)
            bytes = ((long*)info)[totalIndex] * *(uint*)(info + unitOffset);
    }
}
