using System.Buffers.Text;
using Sandbox.Platform;

namespace Sandbox.Sentry.Kernel.Tasks;

/// <summary>Figures from the host's /proc/PID/status of a guest's address space.</summary>
internal static class HostStatus
{
    /// <summary>VmHWM, KiB; 0 if it cannot be read.</summary>
    public static long PeakResidentKibibytes(IAddressSpace space)
    {
        if (space.ReadProcFile("status"u8).Failed(out byte[]? text, out _))
            return 0;
        ReadOnlySpan<byte> rest = text;
        int start = rest.IndexOf("VmHWM:"u8);
        if (start < 0)
            return 0;
        rest = rest[(start + 6)..].TrimStart(" \t"u8);
        return Utf8Parser.TryParse(rest, out long value, out _) ? value : 0;
    }
}
