using System.Globalization;

namespace Sandbox.Linux;

/// <summary>
/// Opens this process's own descriptors once more with less access, through its procfs: the only way to have a
/// read-only descriptor of a memfd. The directory is opened before the process locks itself in; afterwards its filter
/// needs to allow openat(2) with exactly <see cref="ProcDirectory"/> and the flags O_RDONLY|O_CLOEXEC.
/// </summary>
public static class HostSelfFds
{
    private static int _directory = -1;

    /// <summary>The descriptor of the procfs used, or -1 before it is set.</summary>
    public static int ProcDirectory => _directory;

    /// <summary>
    /// Uses a descriptor of a /proc of this process's pid namespace or an outer one; it stays open for good.
    /// </summary>
    public static void Use(int procDirectory) => _directory = procDirectory;

    /// <summary>
    /// A new read-only descriptor, with a file description of its own, of what <paramref name="fd"/> has open.
    /// </summary>
    public static Result<int> ReopenReadOnly(int fd)
    {
        if (_directory < 0)
        {
            const OpenFlags flags = OpenFlags.Path | OpenFlags.Directory | OpenFlags.CloseOnExec;
            if (HostFile.OpenAt(HostFile.CurrentDirectory, "/proc"u8, flags).Failed(out int directory, out Errno error))
                return error;
            _directory = directory;
        }

        Span<byte> path = stackalloc byte[24];
        "self/fd/"u8.CopyTo(path);
        _ = fd.TryFormat(path[8..], out int length, default, CultureInfo.InvariantCulture);
        return HostFile.OpenAt(_directory, path[..(8 + length)], OpenFlags.ReadOnly | OpenFlags.CloseOnExec);
    }
}
