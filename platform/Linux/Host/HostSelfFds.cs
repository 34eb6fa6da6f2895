using System.Globalization;

namespace Sandbox.Linux;

/// <summary>
/// Opens this process's own descriptors once more with less access, through /proc/self/fd: the only way to have a read-only
/// descriptor of a memfd. The directory is opened before the process locks itself in; afterwards its filter needs to allow
/// openat(2) with exactly <see cref="DirectoryFd"/> and the flags O_RDONLY|O_CLOEXEC.
/// </summary>
public static class HostSelfFds
{
    private static int _directory = -1;

    /// <summary>The descriptor of /proc/self/fd, or -1 before <see cref="Initialize"/>.</summary>
    public static int DirectoryFd => _directory;

    /// <summary>Opens the directory, once; while a /proc of this process's pid namespace or an outer one is mounted.</summary>
    public static Errno Initialize()
    {
        if (_directory >= 0)
            return Errno.Ok;
        const OpenFlags flags = OpenFlags.Path | OpenFlags.Directory | OpenFlags.CloseOnExec;
        if (HostFile.OpenAt(-100, "/proc/self/fd"u8, flags).Failed(out int directory, out Errno error))
            return error;
        _directory = directory;
        return Errno.Ok;
    }

    /// <summary>A new read-only descriptor, with a file description of its own, of what <paramref name="fd"/> has open.</summary>
    public static Result<int> ReopenReadOnly(int fd)
    {
        if (_directory < 0 && Initialize() is not Errno.Ok and Errno error)
            return error;
        Span<byte> name = stackalloc byte[12];
        _ = fd.TryFormat(name, out int length, default, CultureInfo.InvariantCulture);
        return HostFile.OpenAt(_directory, name[..length], OpenFlags.ReadOnly | OpenFlags.CloseOnExec);
    }
}
