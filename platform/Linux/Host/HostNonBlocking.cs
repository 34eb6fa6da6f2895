namespace Sandbox.Linux;

/// <summary>
/// Reads and writes that do not block although the descriptor's file description may: O_NONBLOCK belongs to the
/// description, which other processes share, so it cannot be set.
/// </summary>
public static unsafe class HostNonBlocking
{
    private const int NoWait = 8; // RWF_NOWAIT (preadv2(2))
    private const int DontWait = 0x40, NoSignal = 0x4000; // MSG_* (recv(2))

    // What a pipe that polls as writable takes without blocking (PIPE_BUF, pipe(7)).
    private const int AtomicPipeBytes = 4096;

    /// <summary>Reads from a socket: EAGAIN if there is nothing.</summary>
    public static Result<int> ReceiveSocket(int fd, Span<byte> buffer)
    {
        fixed (byte* start = buffer)
            return HostSyscall.AsInt(HostSyscall.CallRetrying(Sys.recvfrom, fd, (long)start, buffer.Length, DontWait));
    }

    /// <summary>Writes to a socket: EAGAIN if it is full, EPIPE without a signal.</summary>
    public static Result<int> SendSocket(int fd, ReadOnlySpan<byte> buffer)
    {
        fixed (byte* start = buffer)
            return HostSyscall.AsInt(
                HostSyscall.CallRetrying(Sys.sendto, fd, (long)start, buffer.Length, DontWait | NoSignal));
    }

    /// <summary>Reads from a pipe or a character device: EAGAIN if there is nothing.</summary>
    public static Result<int> Read(int fd, Span<byte> buffer)
    {
        Result<int> result = Vector(Sys.preadv2, fd, buffer);
        if (result.Error != Errno.EOPNOTSUPP)
            return result;
        const PollEvents wanted = PollEvents.In;
        return (HostPoll.Now(fd, wanted) & (wanted | PollEvents.HangUp | PollEvents.Error)) == 0
            ? Errno.EAGAIN
            : HostFile.Read(fd, buffer);
    }

    /// <summary>Writes to a pipe or a character device, perhaps in part: EAGAIN if it is full.</summary>
    public static Result<int> Write(int fd, ReadOnlySpan<byte> buffer)
    {
        Result<int> result = Vector(Sys.pwritev2, fd, buffer);
        if (result.Error != Errno.EOPNOTSUPP)
            return result;
        if ((HostPoll.Now(fd, PollEvents.Out) & (PollEvents.Out | PollEvents.Error)) == 0)
            return Errno.EAGAIN;
        return HostFile.Write(fd, buffer[..Math.Min(buffer.Length, AtomicPipeBytes)]);
    }

    private static Result<int> Vector(int call, int fd, ReadOnlySpan<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            IoVector vector = new(new UserAddress((ulong)start), (ulong)buffer.Length);
            return HostSyscall.AsInt(HostSyscall.CallRetrying(call, fd, (long)&vector, 1, -1, -1, NoWait));
        }
    }
}
