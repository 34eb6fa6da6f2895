namespace Sandbox.Linux;

/// <summary>Host file I/O on descriptors, with spans for buffers. All retry EINTR unless said otherwise.</summary>
public static unsafe class HostFile
{
    /// <summary>AT_FDCWD: instead of a directory's descriptor, for paths from the working directory.</summary>
    public const int CurrentDirectory = -100;

    /// <summary>openat(2). <paramref name="path"/> needs no trailing NUL.</summary>
    public static Result<int> OpenAt(int directory, ReadOnlySpan<byte> path, OpenFlags flags, uint mode = 0)
    {
        Span<byte> terminated = path.Length < 1024 ? stackalloc byte[path.Length + 1] : new byte[path.Length + 1];
        path.CopyTo(terminated);
        terminated[path.Length] = 0; // A stackalloc need not be zeroed everywhere.
        fixed (byte* start = terminated)
            return HostSyscall.AsInt(HostSyscall.CallRetrying(Sys.openat, directory, (long)start, (long)flags, mode));
    }

    /// <summary>read(2).</summary>
    public static Result<int> Read(int fd, Span<byte> buffer)
    {
        fixed (byte* start = buffer)
            return HostSyscall.AsInt(HostSyscall.CallRetrying(Sys.read, fd, (long)start, buffer.Length));
    }

    /// <summary>write(2).</summary>
    public static Result<int> Write(int fd, ReadOnlySpan<byte> buffer)
    {
        fixed (byte* start = buffer)
            return HostSyscall.AsInt(HostSyscall.CallRetrying(Sys.write, fd, (long)start, buffer.Length));
    }

    /// <summary>pread64(2).</summary>
    public static Result<int> ReadAt(int fd, Span<byte> buffer, long offset)
    {
        fixed (byte* start = buffer)
            return HostSyscall.AsInt(HostSyscall.CallRetrying(Sys.pread64, fd, (long)start, buffer.Length, offset));
    }

    /// <summary>pwrite64(2).</summary>
    public static Result<int> WriteAt(int fd, ReadOnlySpan<byte> buffer, long offset)
    {
        fixed (byte* start = buffer)
            return HostSyscall.AsInt(HostSyscall.CallRetrying(Sys.pwrite64, fd, (long)start, buffer.Length, offset));
    }

    /// <summary>close(2). Never retried: Linux has released the number even when it answers EINTR.</summary>
    public static void Close(int fd) => HostSyscall.Call(Sys.close, fd);

    /// <summary>fstat(2).</summary>
    public static Result<Stat> Stat(int fd)
    {
        Stat stat;
        return HostSyscall.ErrorOf(HostSyscall.Call(Sys.fstat, fd, (long)&stat)) is not Errno.Ok and Errno error
            ? error
            : stat;
    }

    /// <summary>lseek(2).</summary>
    public static Result<long> Seek(int fd, long offset, SeekWhence whence) =>
        HostSyscall.AsLong(HostSyscall.Call(Sys.lseek, fd, offset, (int)whence));

    /// <summary>ftruncate(2).</summary>
    public static Errno Truncate(int fd, long length) =>
        HostSyscall.ErrorOf(HostSyscall.CallRetrying(Sys.ftruncate, fd, length));

    /// <summary>memfd_create(2).</summary>
    public static Result<int> CreateMemory(ReadOnlySpan<byte> nameWithNul, uint flags)
    {
        fixed (byte* name = nameWithNul)
            return HostSyscall.AsInt(HostSyscall.Call(Sys.memfd_create, (long)name, flags));
    }

    /// <summary>fcntl(2) with an integer argument.</summary>
    public static Result<int> Control(int fd, int command, long argument) =>
        HostSyscall.AsInt(HostSyscall.CallRetrying(Sys.fcntl, fd, command, argument));
}
