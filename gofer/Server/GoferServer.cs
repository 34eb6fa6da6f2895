using System.Runtime.CompilerServices;
using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Gofer;

/// <summary>
/// Serves directories of the host over sockets, one thread per socket: a client with several requests in flight uses
/// several sockets, so one slow host call stops nobody else. The state they share is the handle table.
/// </summary>
public sealed class GoferServer : IDisposable
{
    private readonly ServedRoot[] _roots;

    /// <param name="roots">What may be served, by index; this object owns them.</param>
    /// <param name="procSelfFd">Owned, too.</param>
    /// <param name="handlesMax">See <see cref="AttachReply.HandlesMax"/>; leave room below RLIMIT_NOFILE.</param>
    public GoferServer(ServedRoot[] roots, ProcSelfFd procSelfFd, int handlesMax)
    {
        _roots = roots;
        ProcSelfFd = procSelfFd;
        Handles = new HandleTable(handlesMax);
    }

    internal HandleTable Handles { get; }

    internal ProcSelfFd ProcSelfFd { get; }

    /// <summary>The root with an index. Errors: ENOENT.</summary>
    internal Result<ServedRoot> Root(uint index) => index < (uint)_roots.Length ? _roots[index] : Errno.ENOENT;

    /// <summary>
    /// Answers requests until the other end closes. Runs on the caller's thread; the socket stays the caller's.
    /// </summary>
    public void Serve(int socket)
    {
        byte[] request = GC.AllocateUninitializedArray<byte>(GoferLimits.MessageBytesMax, pinned: true);
        byte[] reply = GC.AllocateUninitializedArray<byte>(GoferLimits.MessageBytesMax, pinned: true);
        while (true)
        {
            // No room for descriptors: nobody can make this process hold one.
            if (HostSocket.Receive(socket, request).Failed(out ReceivedMessage received, out _) || received.Length == 0)
                return;
            if (!Answer(socket, request.AsSpan(0, received.Length), received.Flags, reply))
                return;
        }
    }

    public void Dispose()
    {
        Handles.Dispose();
        ProcSelfFd.Dispose();
        foreach (ServedRoot root in _roots)
            root.Dispose();
    }

    /// <summary>False when the other end is gone.</summary>
    private bool Answer(int socket, ReadOnlySpan<byte> packet, MessageFlags flags, Span<byte> buffer)
    {
        int headerBytes = Unsafe.SizeOf<ReplyHeader>();
        Exchange exchange = new(this, new MessageReader(packet), new MessageWriter(buffer));
        exchange.Reply.Write(default(ReplyHeader));
        Errno error = exchange.Request.Read(out RequestHeader header);
        if (error == Errno.Ok)
        {
            bool isWhole = (flags & MessageFlags.Truncated) == 0
                && header.LengthBytes == (uint)packet.Length && header.Reserved == 0;
            error = isWhole ? RunGuarded(header.Operation, ref exchange) : Errno.EPROTO;
        }

        if (error == Errno.Ok && exchange.Reply.HasOverflowed)
            error = Errno.EMSGSIZE;
        if (error != Errno.Ok)
        {
            exchange.Reply.Rewind(headerBytes);
            CloseDonated(ref exchange);
        }

        ReadOnlySpan<int> fds = exchange.DonatedFd >= 0
            ? [exchange.DonatedFd]
            : exchange.Donated[..exchange.DonatedCount];
        exchange.Reply.WriteAt(0, new ReplyHeader
        {
            Operation = header.Operation,
            FdCount = (ushort)fds.Length,
            LengthBytes = (uint)exchange.Reply.LengthBytes,
            Error = (int)error,
        });
        bool isSent = !HostSocket.Send(socket, buffer[..exchange.Reply.LengthBytes], fds).Failed(out _, out _);
        CloseDonated(ref exchange);
        return isSent;
    }

    private static Errno RunGuarded(GoferOperation operation, ref Exchange exchange)
    {
        try
        {
            return Dispatch.Run(operation, ref exchange);
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            // A bug of ours must not take the sandbox's files away: the request fails, the next one is served.
            HostFile.Write(2, System.Text.Encoding.UTF8.GetBytes($"gofer: {operation}: {failure}\n"));
            return Errno.EIO;
        }
    }

    private static void CloseDonated(ref Exchange exchange)
    {
        if (exchange.DonatedFd >= 0)
            HostFile.Close(exchange.DonatedFd);
        foreach (int fd in exchange.Donated[..exchange.DonatedCount])
            HostFile.Close(fd);
        (exchange.DonatedFd, exchange.DonatedCount) = (-1, 0);
    }
}
