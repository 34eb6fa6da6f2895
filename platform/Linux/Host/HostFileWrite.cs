namespace Sandbox.Linux;

/// <summary>Host calls on descriptors of regular files beside plain reading and writing. All retry EINTR.</summary>
public static unsafe class HostFileWrite
{
    private const int WriteAppend = 0x10; // RWF_APPEND (pwritev2(2))

    /// <summary>
    /// Appends atomically, whoever else does (pwritev2(2) with RWF_APPEND), without moving the descriptor's position.
    /// </summary>
    public static Result<int> Append(int fd, ReadOnlySpan<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            nuint* vector = stackalloc nuint[2] { (nuint)start, (nuint)buffer.Length };
            return HostSyscall.AsInt(HostSyscall.CallRetrying(Sys.pwritev2, fd, (long)vector, 1, 0, 0, WriteAppend));
        }
    }

    /// <summary>syncfs(2).</summary>
    public static Errno SynchronizeFileSystem(int fd) => HostSyscall.ErrorOf(HostSyscall.CallRetrying(Sys.syncfs, fd));

    /// <summary>fsync(2), or fdatasync(2).</summary>
    public static Errno Synchronize(int fd, bool dataOnly) =>
        HostSyscall.ErrorOf(HostSyscall.CallRetrying(dataOnly ? Sys.fdatasync : Sys.fsync, fd));
}
