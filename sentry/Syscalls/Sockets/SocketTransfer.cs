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
        Errno error;

        Deadline deadline = IsNonBlocking(socket, flags) ? Deadline.Now : socket.TransferDeadline(isWrite: true);
        do
        {
            task.Sleeper.MayDefer &= total == 0;
            if (SocketBuffer.Rent(task, socket, buffers.Remaining).Failed(out SocketBuffer piece, out error))
                break;
            int length = (int)Math.Min(buffers.Remaining, piece.Bytes.Length);
            if (length >= FileTransfer.LongBytes && piece.Shared is not null)
                task.Shortcuts.BeforeSleep();
            error = buffers.Take(piece.Bytes.AsSpan(0, length));
            if (error == Errno.Ok)
            {
                // Only the last byte of all is urgent.
                SocketFlags now = buffers.Remaining > 0 ? flags & ~SocketFlags.OutOfBand : flags;
                Result<int> sent = SendPiece(
                    task, socket, piece, length, destination, ref control, now, deadline, out error);
                total += sent.Failed(out int count, out _) ? 0 : count;
            }

            piece.Return(task);
        }
        while (buffers.Remaining > 0 && error == Errno.Ok);

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
        Task task, Socket socket, SocketBuffer piece, int length, SocketAddress? destination,
        ref ControlData? control, SocketFlags flags, Deadline deadline, out Errno error)
    {
        int done = 0;
        do
        {
            task.Sleeper.MayDefer &= done == 0;
            SendAttempt attempt = new(task, socket, piece, done, length, destination, control, flags);
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
        while (done < length && socket.IsStream);

        return done;
    }

    /// <summary>Receives into the buffers. A stream stops at the first bytes there are, unless MSG_WAITALL.</summary>
    public static Result<int> Receive(
        Task task, Socket socket, ref IoRanges buffers, SocketFlags flags, ref MessageInfo info)
    {
        if (SocketBuffer.Rent(task, socket, buffers.Remaining).Failed(out SocketBuffer piece, out Errno error))
            return error;
        bool isNow = IsNonBlocking(socket, flags) || (flags & SocketFlags.OutOfBand) != 0;
        Deadline deadline = isNow ? Deadline.Now : socket.TransferDeadline(isWrite: false);
        bool waitsForAll = (flags & (SocketFlags.WaitAll | SocketFlags.Peek)) == SocketFlags.WaitAll && socket.IsStream;
        int total = 0;
        while (true)
        {
            int length = (int)Math.Min(buffers.Remaining, piece.Bytes.Length);

            // What came already ends the wait, unless all is wanted.
            task.Sleeper.MayDefer &= total == 0;
            Deadline until = total > 0 && !waitsForAll ? Deadline.Now : deadline;
            ByteSlice taken = default;
            Result<int> result = ReceivePiece(
                task, socket, piece.Bytes.AsSpan(0, length), flags, until, ref info, ref taken);
            if (result.Failed(out int count, out error))
            {
                error = Interrupted(error, deadline);
                break;
            }

            error = buffers.Put(taken.Buffer is null ? piece.Bytes.AsSpan(0, count) : taken.Span);
            taken.Buffer?.Release();
            if (error != Errno.Ok)
                break;
            total += count;
            bool isMoreWanted = buffers.Remaining > 0 && socket.IsStream && count > 0 && info.Control is null
                && (flags & SocketFlags.Peek) == 0;
            if (!isMoreWanted || (!waitsForAll && count < length))
                break;
        }

        piece.Return(task);
        return total > 0 || error == Errno.Ok ? total : error;
    }

    private static Result<int> ReceivePiece(
        Task task, Socket socket, Span<byte> piece, SocketFlags flags, Deadline deadline, ref MessageInfo info,
        ref ByteSlice taken)
    {
        ReceiveAttempt attempt = new(socket, piece, flags, ref info, ref taken);
        return deadline.Nanoseconds == 0
            ? attempt.Try()
            : Blocking.Until(
                task.Sleeper, socket.Waiters, PollEvents.Readable, deadline, attempt, static state => state.Try());
    }

    private static bool IsNonBlocking(Socket socket, SocketFlags flags) =>
        socket.IsNonBlocking || (flags & (SocketFlags.DontWait | SocketFlags.ErrorQueue)) != 0;

    /// <summary>signal(7): with a time-out set, an interrupted call is not restarted.</summary>
    private static Errno Interrupted(Errno error, Deadline deadline) =>
        error == Errno.ERESTARTSYS && !deadline.IsNever ? Errno.EINTR : error;

    private readonly ref struct SendAttempt(
        Task task, Socket socket, SocketBuffer piece, int done, int length, SocketAddress? destination,
        ControlData? control, SocketFlags flags)
    {
        public Result<int> Try() => piece.Shared is { } shared
            ? socket.SendShared(task, new ByteSlice(shared, done, length - done), destination, control, flags)
            : socket.Send(task, piece.Bytes.AsSpan(done, length - done), destination, control, flags);
    }

    private readonly ref struct ReceiveAttempt(
        Socket socket, Span<byte> destination, SocketFlags flags, ref MessageInfo info, ref ByteSlice taken)
    {
        private readonly Span<byte> _destination = destination;
        private readonly ref MessageInfo _info = ref info;
        private readonly ref ByteSlice _taken = ref taken;

        public Result<int> Try() => socket.ReceiveShared(_destination, flags, ref _info, out _taken);
    }
}
