using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sockets;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Syscalls;

/// <summary>Sending and receiving through sockets (send(2), recv(2) and their families).</summary>
internal static class MessageSyscalls
{
    /// <summary>Messages of one sendmmsg or recvmmsg (UIO_MAXIOV).</summary>
    private const uint MaxMessages = 1024;

    /// <summary>So many buffers fit on the stack (UIO_FASTIOV).</summary>
    private const int SmallVectors = 8;

    /// <summary>struct mmsghdr.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct CountedHeader
    {
        public MessageHeader Header;
        public uint Count;
        private readonly int _padding;
    }

    public static SyscallResult SendTo(
        Task task, Fd fd, UserAddress data, ulong length, SocketFlags flags, UserAddress address, int addressBytes)
    {
        if (SocketArguments.GetSocket(task, fd).Failed(out Socket? socket, out Errno error))
            return error;
        SocketAddress? destination = null;
        if (!address.IsNull
            && SocketArguments.ReadAddress(task, address, addressBytes).Failed(out destination, out error))
        {
            task.CallFile.End(task, socket);
            return error;
        }

        IoVector vector = Cut(data, length);
        error = IoRanges.Single(task.Memory, in vector, out IoRanges buffers);
        if (error == Errno.Ok)
            error = CheckSend(socket, flags);
        Result<int> result = error != Errno.Ok
            ? error
            : SocketTransfer.Send(task, socket, ref buffers, destination, null, flags);
        task.CallFile.End(task, socket);
        return result;
    }

    public static SyscallResult ReceiveFrom(
        Task task, Fd fd, UserAddress data, ulong length, SocketFlags flags, UserAddress address,
        UserPtr<int> addressBytes)
    {
        if (SocketArguments.GetSocket(task, fd).Failed(out Socket? socket, out Errno error))
            return error;
        MessageInfo info = default;
        IoVector vector = Cut(data, length);
        Result<int> result = IoRanges.Single(task.Memory, in vector, out IoRanges buffers)
            is not Errno.Ok and Errno invalid
            ? invalid
            : Receive(task, socket, ref buffers, flags, ref info);
        info.DropAncillary();
        if (result.Error == Errno.Ok
            && SocketArguments.WriteAddress(task, info.Sender, address, addressBytes) is not Errno.Ok and Errno fault)
        {
            result = fault;
        }

        task.CallFile.End(task, socket);
        return result;
    }

    public static SyscallResult SendMessage(Task task, Fd fd, UserPtr<MessageHeader> message, SocketFlags flags)
    {
        if (SocketArguments.GetSocket(task, fd).Failed(out Socket? socket, out Errno error))
            return error;
        Result<int> result = task.Memory.Read(message, out MessageHeader header) is not Errno.Ok and Errno fault
            ? fault
            : Send(task, socket, header, flags);
        task.CallFile.End(task, socket);
        return result;
    }

    public static SyscallResult ReceiveMessage(Task task, Fd fd, UserPtr<MessageHeader> message, SocketFlags flags)
    {
        if (SocketArguments.GetSocket(task, fd).Failed(out Socket? socket, out Errno error))
            return error;
        Result<int> result = task.Memory.Read(message, out MessageHeader header) is not Errno.Ok and Errno fault
            ? fault
            : Receive(task, socket, ref header, flags);
        if (result.Error == Errno.Ok && task.Memory.Write(message, header) is not Errno.Ok and Errno headerFault)
            result = headerFault;
        task.CallFile.End(task, socket);
        return result;
    }

    public static SyscallResult SendMessages(
        Task task, Fd fd, UserPtr<CountedHeader> messages, uint count, SocketFlags flags)
    {
        if (SocketArguments.GetSocket(task, fd).Failed(out Socket? socket, out Errno error))
            return error;
        int done = 0;
        for (count = Math.Min(count, MaxMessages); done < count; done++)
        {
            UserPtr<CountedHeader> place = messages.At((ulong)done);
            error = task.Memory.Read(place, out CountedHeader message);
            if (error != Errno.Ok || Send(task, socket, message.Header, flags).Failed(out int sent, out error))
                break;
            message.Count = (uint)sent;
            error = task.Memory.Write(place, message);
            if (error != Errno.Ok)
                break;
        }

        task.CallFile.End(task, socket);
        return done > 0 ? done : error;
    }

    public static SyscallResult ReceiveMessages(
        Task task, Fd fd, UserPtr<CountedHeader> messages, uint count, SocketFlags flags, UserPtr<Timespec> timeout)
    {
        if (PollTimeout.Read(task, timeout, out Deadline deadline) is not Errno.Ok and Errno invalid)
            return invalid;
        if (SocketArguments.GetSocket(task, fd).Failed(out Socket? socket, out Errno error))
            return error;
        int done = 0;
        for (count = Math.Min(count, MaxMessages); done < count; done++)
        {
            UserPtr<CountedHeader> place = messages.At((ulong)done);
            error = task.Memory.Read(place, out CountedHeader message);
            SocketFlags each = flags & ~SocketFlags.WaitForOne;
            if (error != Errno.Ok || Receive(task, socket, ref message.Header, each).Failed(out int got, out error))
                break;
            message.Count = (uint)got;
            error = task.Memory.Write(place, message);
            if (error != Errno.Ok)
                break;
            if ((flags & SocketFlags.WaitForOne) != 0)
                flags |= SocketFlags.DontWait;
            if (deadline.HasPassed) // recvmmsg(2): looked at after each message, no earlier.
            {
                done++;
                break;
            }
        }

        task.CallFile.End(task, socket);
        return done > 0 ? done : error;
    }

    /// <summary>send(2) cuts what is too long before it looks at the address; read(2) does not.</summary>
    private static IoVector Cut(UserAddress data, ulong length) =>
        new(data, Math.Min(length, (ulong)IoRanges.MaxTransfer));

    /// <summary>The buffers of a message. EMSGSIZE (as sendmsg(2) has it) for too many, EINVAL, EFAULT.</summary>
    private static Errno Ranges(Task task, in MessageHeader header, Span<IoVector> room, out IoRanges buffers)
    {
        buffers = default;
        return header.VectorCount > IoRanges.MaxVectors
            ? Errno.EMSGSIZE
            : IoRanges.Many(task.Memory, header.Vectors, header.VectorCount, room, out buffers);
    }

    private static Errno CheckSend(Socket socket, SocketFlags flags) =>
        (flags & SocketFlags.OutOfBand) != 0 && !socket.HasUrgentData ? Errno.EOPNOTSUPP : Errno.Ok;

    private static Result<int> Send(Task task, Socket socket, in MessageHeader header, SocketFlags flags)
    {
        if (CheckSend(socket, flags) is not Errno.Ok and Errno refused)
            return refused;
        SocketAddress? destination = null;
        if (!header.Name.IsNull && header.NameBytes != 0
            && SocketArguments.ReadAddress(task, header.Name, header.NameBytes).Failed(
                out destination, out Errno error))
        {
            return error;
        }

        Span<IoVector> room = stackalloc IoVector[SmallVectors];
        if (Ranges(task, header, room, out IoRanges buffers) is not Errno.Ok and Errno wrong)
            return wrong;
        Result<ControlData?> read = ControlMessages.Read(task, socket, header.Control, header.ControlBytes);
        Result<int> result = read.Failed(out ControlData? control, out error)
            ? error
            : SocketTransfer.Send(task, socket, ref buffers, destination, control, flags);
        buffers.Dispose();
        return result;
    }

    private static Result<int> Receive(Task task, Socket socket, ref MessageHeader header, SocketFlags flags)
    {
        if (header.NameBytes < 0 && !header.Name.IsNull)
            return Errno.EINVAL;
        Span<IoVector> room = stackalloc IoVector[SmallVectors];
        if (Ranges(task, header, room, out IoRanges buffers) is not Errno.Ok and Errno wrong)
            return wrong;
        MessageInfo info = default;
        Result<int> result = Receive(task, socket, ref buffers, flags, ref info);
        buffers.Dispose();
        if (result.Failed(out _, out Errno error))
        {
            info.DropAncillary();
            return error;
        }

        bool closeOnExec = (flags & SocketFlags.CloseOnExec) != 0;
        SocketFlags told = info.Flags | (flags & SocketFlags.CloseOnExec);
        header.ControlBytes =
            ControlMessages.Write(task, socket, ref info, header.Control, header.ControlBytes, closeOnExec, ref told);
        header.Flags = told;
        if (header.Name.IsNull)
            return result;
        ReadOnlySpan<byte> name = info.Sender is null ? default : info.Sender.Bytes;
        int fitting = Math.Min(name.Length, header.NameBytes);
        header.NameBytes = name.Length;
        return task.Memory.Write(header.Name, name[..fitting]) is not Errno.Ok and Errno fault ? fault : result;
    }

    private static Result<int> Receive(
        Task task, Socket socket, ref IoRanges buffers, SocketFlags flags, ref MessageInfo info)
    {
        if ((flags & SocketFlags.OutOfBand) != 0 && !socket.HasUrgentData)
            return Errno.EINVAL; // Nothing is ever out of band there.
        if ((flags & SocketFlags.ErrorQueue) != 0 && !socket.HasErrorQueue)
            return Errno.EAGAIN;
        Result<int> result = SocketTransfer.Receive(task, socket, ref buffers, flags, ref info);
        bool wantsFullLength = (flags & SocketFlags.Truncated) != 0 && !socket.IsStream;
        return result.Error == Errno.Ok && wantsFullLength ? info.FullLength : result;
    }
}
