using System.Buffers.Text;

namespace Sandbox.Linux;

/// <summary>Which kernel this is (uname(2)).</summary>
public static unsafe class HostKernel
{
    private const int FieldBytes = 65, ReleaseField = 2, Fields = 6;

    /// <summary>True if the release number is at least <paramref name="major"/>.<paramref name="minor"/>.</summary>
    public static bool IsAtLeast(int major, int minor)
    {
        byte* names = stackalloc byte[FieldBytes * Fields];
        if (HostSyscall.Call(Sys.uname, (long)names) != 0)
            return false;
        ReadOnlySpan<byte> release = new(names + (FieldBytes * ReleaseField), FieldBytes);
        if (!Utf8Parser.TryParse(release, out int first, out int used) || release[used] != (byte)'.')
            return false;
        return Utf8Parser.TryParse(release[(used + 1)..], out int second, out _)
            && (first > major || (first == major && second >= minor));
    }
}
