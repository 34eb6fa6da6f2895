using System.Buffers;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sockets;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Syscalls;

/// <summary>
/// Sends and receives between guest memory and a socket, a piece at a time, and waits where the socket would block.
/// </summary>
internal static class SocketTransfer
{
    /// <summary>Streams are moved in pieces of this size.</summary>
    private const int PieceBytes = 65536;

    /// <summary>No message is longer; a buffer of ours is never longer either.</summary>
    private const int MaxMessageBytes = 2 << 20;

    /// <summary>A buffer of so many bytes is part of what a task costs.</summary>
    private const int FreeBytes = 4096;

    /// <summary>
    /// Sends everything in the buffers: a stream may stop half-way with a count, a message goes whole. Takes over
    /// <paramref name="control"/>. EPIPE comes with SIGPIPE for streams unless MSG_NOSIGNAL.
    /// </summary>
    public static Result<int> Send(
        Task task, Socket socket, ref IoRanges buffers, SocketAddress? destination, ControlData? control,
        SocketFlags flags)
    {
        if (!socket.IsStream && buffers.Remaining > socket.MaxMessageBytes)
        {
            control?.Release();
            return Errno.EMSGSIZE;
        }

        int total = 0;
        if (Rent(task, socket, buffers.Remaining).Failed(out byte[]? piece, out Errno error))
        {
            control?.Release();
            return error;
        }

        Deadline deadline = IsNonBlocking(socket, flags) ? Deadline.Now : socket.TransferDeadline(isWrite: true);
        do
        {
            task.Sleeper.MayDefer &= total == 0;
            int length = (int)Math.Min(buffers.Remaining, piece.Length);
            error = buffers.Take(piece.AsSpan(0, length));
            if (error != Errno.Ok)
                break;
            Result<int> sent = SendPiece(
                task, socket, piece.AsSpan(0, length), destination, ref control, flags, deadline, out error);
            total += sent.Failed(out int count, out _) ? 0 : count;
        }
        while (buffers.Remaining > 0 && error == Errno.Ok);

        Return(task, piece);
        control?.Release();
        if (total > 0 || error == Errno.Ok)
            return total;
        if (error == Errno.EPIPE && socket.IsStream && (flags & SocketFlags.NoSignal) == 0)
            FileTransfer.SendToCaller(task, Signal.Pipe);
        return error;
    }

    /// <summary>
    /// Sends one piece whole, or as far as it goes: then <paramref name="error"/> says why not further.
    /// </summary>
    private static Result<int> SendPiece(
        Task task, Socket socket, ReadOnlySpan<byte> piece, SocketAddress? destination, ref ControlData? control,
        SocketFlags flags, Deadline deadline, out Errno error)
    {
        int done = 0;
        do
        {
            task.Sleeper.MayDefer &= done == 0;
            SendAttempt attempt = new(task, socket, piece[done..], destination, control, flags);
            Result<int> result = deadline.Nanoseconds == 0
                ? attempt.Try()
                : Blocking.Until(task.Sleeper, socket.SendWaiters, PollEvents.Writable, deadline, attempt,
                    static state => state.Try());
            if (result.Failed(out int count, out error))
            {
                // The socket took the control data over unless it would block or was never asked.
                if (error is not (Errno.EAGAIN or Errno.ERESTARTSYS or Errno.EIOCBQUEUED))
                    control = null;
                error = Interrupted(error, deadline);
                return done;
            }

            control = null;
            done += count;
        }
        while (done < piece.Length && socket.IsStream);

        return done;
    }

    /// <summary>Receives into the buffers. A stream stops at the first bytes there are, unless MSG_WAITALL.</summary>
    public static Result<int> Receive(
        Task task, Socket socket, ref IoRanges buffers, SocketFlags flags, ref MessageInfo info)
    {
        if (Rent(task, socket, buffers.Remaining).Failed(out byte[]? piece, out Errno error))
            return error;
        bool isNow = IsNonBlocking(socket, flags) || (flags & SocketFlags.OutOfBand) != 0;
        Deadline deadline = isNow ? Deadline.Now : socket.TransferDeadline(isWrite: false);
        bool waitsForAll = (flags & (SocketFlags.WaitAll | SocketFlags.Peek)) == SocketFlags.WaitAll && socket.IsStream;
        int total = 0;
        while (true)
        {
            int length = (int)Math.Min(buffers.Remaining, piece.Length);

            // What came already ends the wait, unless all is wanted.
            task.Sleeper.MayDefer &= total == 0;
            Deadline until = total > 0 && !waitsForAll ? Deadline.Now : deadline;
            Result<int> result = ReceivePiece(task, socket, piece.AsSpan(0, length), flags, until, ref info);
            if (result.Failed(out int count, out error))
            {
                error = Interrupted(error, deadline);
                break;
            }

            error = buffers.Put(piece.AsSpan(0, count));
            if (error != Errno.Ok)
                break;
            total += count;
            bool isMoreWanted = buffers.Remaining > 0 && socket.IsStream && count > 0 && info.Control is null
                && (flags & SocketFlags.Peek) == 0;
            if (!isMoreWanted || (!waitsForAll && count < length))
                break;
        }

        Return(task, piece);
        return total > 0 || error == Errno.Ok ? total : error;
    }

    private static Result<int> ReceivePiece(
        Task task, Socket socket, Span<byte> piece, SocketFlags flags, Deadline deadline, ref MessageInfo info)
    {
        ReceiveAttempt attempt = new(socket, piece, flags, ref info);
        return deadline.Nanoseconds == 0
            ? attempt.Try()
            : Blocking.Until(
                task.Sleeper, socket.Waiters, PollEvents.Readable, deadline, attempt, static state => state.Try());
    }

    /// <summary>
    /// Room for a piece of so many bytes of a stream, or for the whole of a message. A call may wait with it for ever,
    /// so all but little ones are charged. ENOBUFS.
    /// </summary>
    private static Result<byte[]> Rent(Task task, Socket socket, long bytes)
    {
        int length = (int)Math.Clamp(bytes, 1, socket.IsStream ? PieceBytes : MaxMessageBytes);
        byte[] piece = ArrayPool<byte>.Shared.Rent(length);
        if (piece.Length <= FreeBytes || task.Account.TryCharge(MemoryKind.Objects, piece.Length))
            return piece;
        ArrayPool<byte>.Shared.Return(piece);
        return Errno.ENOBUFS;
    }

    private static void Return(Task task, byte[] piece)
    {
        if (piece.Length > FreeBytes)
            task.Account.Return(MemoryKind.Objects, piece.Length);
        ArrayPool<byte>.Shared.Return(piece);
    }

    private static bool IsNonBlocking(Socket socket, SocketFlags flags) =>
        socket.IsNonBlocking || (flags & (SocketFlags.DontWait | SocketFlags.ErrorQueue)) != 0;

    /// <summary>signal(7): with a time-out set, an interrupted call is not restarted.</summary>
    private static Errno Interrupted(Errno error, Deadline deadline) =>
        error == Errno.ERESTARTSYS && !deadline.IsNever ? Errno.EINTR : error;

    private readonly ref struct SendAttempt(
        Task task, Socket socket, ReadOnlySpan<byte> data, SocketAddress? destination, ControlData? control,
        SocketFlags flags)
    {
        private readonly ReadOnlySpan<byte> _data = data;

        public Result<int> Try() => socket.Send(task, _data, destination, control, flags);
    }

    private readonly ref struct ReceiveAttempt(
        Socket socket, Span<byte> destination, SocketFlags flags, ref MessageInfo info)
    {
        private readonly Span<byte> _destination = destination;
        private readonly ref MessageInfo _info = ref info;

        public Result<int> Try() => socket.Receive(_destination, flags, ref _info);
    }
}
