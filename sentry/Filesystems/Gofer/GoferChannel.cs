using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>
/// One socket to the Gofer with its buffer: one request at a time. Used by the thread that took it from
/// <see cref="GoferClient"/>; <see cref="Dispose"/> gives it back.
/// </summary>
internal sealed class GoferChannel(GoferClient owner, HostFd socket) : IDisposable
{
    // Made at the first use: a quiet container keeps most of its channels unused.
    private byte[]? _buffer;

    /// <summary>Begins a request: everything after the header goes into the writer this answers.</summary>
    public MessageWriter Start()
    {
        MessageWriter writer = new(
            _buffer ??= GC.AllocateUninitializedArray<byte>(GoferLimits.MessageBytesMax, pinned: true));
        writer.Write(default(RequestHeader));
        return writer;
    }

    /// <summary>
    /// Sends the request and waits for the reply; <paramref name="reply"/> stands behind its header and lives in the
    /// channel's buffer. Errors: the Gofer's; EIO if it is gone or breaks the protocol.
    /// </summary>
    public Errno Exchange(GoferOperation operation, scoped ref MessageWriter request, out MessageReader reply)
    {
        Errno error = Exchange(operation, ref request, out reply, out int fd);
        if (fd < 0)
            return error;
        HostFile.Close(fd); // Nobody asked for one.
        return Errno.EIO;
    }

    /// <summary>As the other, for operations whose reply carries a descriptor, which is the caller's, or -1.</summary>
    public Errno Exchange(
        GoferOperation operation, scoped ref MessageWriter request, out MessageReader reply, out int fd)
    {
        Span<int> fds = stackalloc int[1];
        Errno error = Exchange(operation, ref request, out reply, fds, out int count);
        fd = count == 1 ? fds[0] : -1;
        return error;
    }

    /// <summary>
    /// As the others, for replies with up to <paramref name="fds"/>.Length descriptors, which are the caller's.
    /// </summary>
    public Errno Exchange(
        GoferOperation operation, scoped ref MessageWriter request, out MessageReader reply, scoped Span<int> fds,
        out int fdCount)
    {
        reply = default;
        fdCount = 0;
        long start = HostClock.Now(HostClock.Monotonic);
        if (Send(operation, ref request) is not Errno.Ok and Errno error)
            return error;
        return Receive(operation, out reply, fds, out fdCount, start);
    }

    /// <summary>
    /// Sends a request whose reply <see cref="Receive"/> takes later, from this channel. Errors: ENAMETOOLONG, EIO.
    /// </summary>
    public Errno Send(GoferOperation operation, scoped ref MessageWriter request)
    {
        if (request.HasOverflowed)
            return Errno.ENAMETOOLONG;
        request.WriteAt(0, new RequestHeader { Operation = operation, LengthBytes = (uint)request.LengthBytes });
        return HostSocket.Send(socket.Number, _buffer.AsSpan(0, request.LengthBytes)).Failed(out _, out _)
            ? Errno.EIO
            : Errno.Ok;
    }

    /// <summary>
    /// Waits for the reply to what <see cref="Send"/> sent; <paramref name="waitsSince"/> is when the caller began to
    /// wait, for the counters. Errors: the Gofer's; EIO if it is gone or breaks the protocol.
    /// </summary>
    public Errno Receive(
        GoferOperation operation, out MessageReader reply, scoped Span<int> fds, out int fdCount, long waitsSince)
    {
        reply = default;
        fdCount = 0;
        Span<byte> buffer = _buffer;
        if (HostSocket.Receive(socket.Number, buffer, fds).Failed(out ReceivedMessage received, out _))
            return Errno.EIO;
        Counters.Add(Counter.GoferMessages);
        Counters.Add(Counter.GoferNanoseconds, HostClock.Now(HostClock.Monotonic) - waitsSince);
        reply = new MessageReader(buffer[..received.Length]);
        bool isSound = reply.Read(out ReplyHeader header) == Errno.Ok
            && header.Operation == operation
            && header.LengthBytes == (uint)received.Length
            && header.FdCount == received.FdCount
            && header.Error is >= 0 and < 4096
            && (received.Flags & (MessageFlags.Truncated | MessageFlags.ControlTruncated)) == 0;
        if (isSound && header.Error == 0)
        {
            fdCount = received.FdCount;
            return Errno.Ok;
        }

        foreach (int fd in fds[..received.FdCount])
            HostFile.Close(fd);
        return isSound ? (Errno)header.Error : Errno.EIO;
    }

    /// <summary>Gives the channel back.</summary>
    public void Dispose() => owner.Return(this);

    /// <summary>Closes the socket: the Gofer's worker at the other end stops.</summary>
    public void Close() => socket.Dispose();
}
