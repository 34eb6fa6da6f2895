using System.Buffers.Text;
using Sandbox.Linux;

namespace Sandbox.Gofer;

/// <summary>
/// The one way from an O_PATH descriptor to calls that want a path or a real descriptor: the links of /proc/self/fd,
/// opened once before the server confines itself. Only numbers of descriptors we hold are ever looked up in it.
/// </summary>
public sealed class ProcSelfFd : IDisposable
{
    private const int PathBytesMax = 32;

    private readonly HostFd _directory;
    private readonly bool _isWorkingDirectory;

    private ProcSelfFd(HostFd directory, bool isWorkingDirectory) =>
        (_directory, _isWorkingDirectory) = (directory, isWorkingDirectory);

    /// <summary>The descriptor of /proc/self/fd, for filters that want to know it.</summary>
    public int Fd => _directory.Number;

    /// <summary>
    /// Opens self/fd below <paramref name="proc"/>, a descriptor of a mounted proc, or below /proc if it is -1.
    /// With <paramref name="becomesWorkingDirectory"/> the process moves there, so that calls without a directory
    /// argument (xattrs, connect) still reach it when the root directory is empty.
    /// </summary>
    public static Result<ProcSelfFd> Open(int proc, bool becomesWorkingDirectory)
    {
        ReadOnlySpan<byte> path = proc < 0 ? "/proc/self/fd\0"u8 : "self/fd\0"u8;
        int directory = proc < 0 ? HostFile.CurrentDirectory : proc;
        OpenFlags flags = OpenFlags.Path | OpenFlags.Directory | OpenFlags.CloseOnExec;
        if (HostDirectory.OpenFollowing(directory, path, flags).Failed(out int fd, out Errno error))
            return error;
        HostFd owner = new(fd);
        if (becomesWorkingDirectory && HostDirectory.ChangeWorkingDirectory(fd) is not Errno.Ok and Errno failed)
        {
            owner.Dispose();
            return failed;
        }

        return new ProcSelfFd(owner, becomesWorkingDirectory);
    }

    /// <summary>A real descriptor of what an O_PATH descriptor refers to.</summary>
    public Result<int> Reopen(int fd, OpenFlags flags)
    {
        Span<byte> name = stackalloc byte[PathBytesMax];
        return HostDirectory.OpenFollowing(
            _directory.Number, WriteNumber(fd, name), flags | OpenFlags.CloseOnExec | OpenFlags.NoControllingTerminal);
    }

    /// <summary>chmod(2) of what an O_PATH descriptor refers to.</summary>
    public Errno ChangeMode(int fd, uint mode)
    {
        Span<byte> name = stackalloc byte[PathBytesMax];
        return HostDirectory.ChangeMode(_directory.Number, WriteNumber(fd, name), mode);
    }

    /// <summary>linkat(2) of what an O_PATH descriptor refers to.</summary>
    public Errno Link(int fd, int directory, ReadOnlySpan<byte> nameWithNul)
    {
        Span<byte> name = stackalloc byte[PathBytesMax];
        return HostDirectory.Link(
            _directory.Number, WriteNumber(fd, name), directory, nameWithNul, AtFlags.SymlinkFollow);
    }

    /// <summary>A path that leads to a descriptor, NUL included, in <paramref name="buffer"/> (32 bytes).</summary>
    public ReadOnlySpan<byte> PathOf(int fd, Span<byte> buffer)
    {
        if (_isWorkingDirectory)
            return WriteNumber(fd, buffer);
        ReadOnlySpan<byte> prefix = "/proc/self/fd/"u8;
        prefix.CopyTo(buffer);
        return buffer[..(prefix.Length + WriteNumber(fd, buffer[prefix.Length..]).Length)];
    }

    public void Dispose() => _directory.Dispose();

    private static ReadOnlySpan<byte> WriteNumber(int number, Span<byte> buffer)
    {
        Utf8Formatter.TryFormat(number, buffer, out int length);
        buffer[length] = 0;
        return buffer[..(length + 1)];
    }
}
