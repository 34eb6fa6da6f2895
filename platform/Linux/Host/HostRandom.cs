namespace Sandbox.Linux;

/// <summary>Random bytes from the host (getrandom(2)).</summary>
public static unsafe class HostRandom
{
    /// <summary>Fills the span; never fails once the host has booted.</summary>
    public static void Fill(Span<byte> destination)
    {
        fixed (byte* start = destination)
        {
            int done = 0;
            while (done < destination.Length)
            {
                long count = HostSyscall.CallRetrying(
                    Sys.getrandom, (long)(start + done), destination.Length - done, 0);
                if (count <= 0)
                    throw new InvalidOperationException("getrandom failed");
                done += (int)count;
            }
        }
    }

    /// <summary>A random multiple of the page size below 2^<paramref name="bits"/> pages.</summary>
    public static ulong Pages(int bits)
    {
        ulong value = 0;
        Fill(new Span<byte>(&value, sizeof(ulong)));
        return (value & ((1ul << bits) - 1)) << 12;
    }
}
