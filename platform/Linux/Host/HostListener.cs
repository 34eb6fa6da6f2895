using System.Buffers.Binary;

namespace Sandbox.Linux;

/// <summary>Listening Unix stream sockets of the host.</summary>
public static unsafe class HostListener
{
    private const int UnixPathBytesMax = 108;

    /// <summary>
    /// A socket bound to <paramref name="path"/> (no NUL) that listens; close-on-exec. Errors: bind(2)'s, ENAMETOOLONG
    /// beyond 107 bytes.
    /// </summary>
    public static Result<HostFd> Listen(ReadOnlySpan<byte> path, int backlog)
    {
        if (path.Length >= UnixPathBytesMax)
            return Errno.ENAMETOOLONG;
        if (HostSocket.Create(SocketFamily.Unix, SocketType.Stream).Failed(out int fd, out Errno error))
            return error;
        HostFd socket = new(fd);
        Span<byte> address = stackalloc byte[2 + UnixPathBytesMax];
        address.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(address, (ushort)SocketFamily.Unix);
        path.CopyTo(address[2..]);
        fixed (byte* start = address)
            error = HostSyscall.ErrorOf(HostSyscall.Call(Sys.bind, fd, (long)start, 2 + path.Length + 1));
        if (error == Errno.Ok)
            error = HostSyscall.ErrorOf(HostSyscall.Call(Sys.listen, fd, backlog));
        if (error == Errno.Ok)
            return socket;
        socket.Dispose();
        return error;
    }
}
