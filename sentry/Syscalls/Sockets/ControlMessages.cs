using System.Buffers;
using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sockets;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>Ancillary data as the guest lays it out (cmsg(3)): every length is checked against what is left.</summary>
internal static class ControlMessages
{
    private const int HeaderBytes = 16, Alignment = 8;
    private const int Rights = 1, Credentials = 2, CredentialsBytes = 12;

    /// <summary>net.core.optmem_max is 128 KiB; more than a few hundred descriptors never make sense.</summary>
    private const int MaxControlBytes = 16384;

    /// <summary>
    /// Takes a sender's ancillary data apart; null if there is none. EINVAL for a broken layout or too many files,
    /// ENOBUFS for too many bytes, EBADF, EPERM for foreign credentials, ETOOMANYREFS.
    /// </summary>
    public static Result<ControlData?> Read(Task task, Socket socket, UserAddress address, ulong length)
    {
        if (length < HeaderBytes || address.IsNull)
            return (ControlData?)null;
        if (length > MaxControlBytes)
            return Errno.ENOBUFS;
        byte[] rented = ArrayPool<byte>.Shared.Rent((int)length);
        Span<byte> bytes = rented.AsSpan(0, (int)length);
        ControlData control = new();
        Errno error = task.Memory.Read(address, bytes);
        if (error == Errno.Ok)
            error = Parse(task, socket, bytes, control);
        ArrayPool<byte>.Shared.Return(rented);
        if (error == Errno.Ok)
            return control.IsEmpty ? null : control;
        control.Release();
        return error;
    }

    private static Errno Parse(Task task, Socket socket, ReadOnlySpan<byte> bytes, ControlData control)
    {
        while (bytes.Length >= HeaderBytes)
        {
            ulong length = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
            int level = BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]);
            int type = BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]);
            if (length < HeaderBytes || length > (ulong)bytes.Length)
                return Errno.EINVAL;
            ReadOnlySpan<byte> data = bytes[HeaderBytes..(int)length];
            if (level == SocketLevel.Socket && socket.Domain == AddressFamily.Unix)
            {
                Errno error = type switch
                {
                    Rights => ReadRights(task, data, control),
                    Credentials => ReadCredentials(task, data, control),
                    _ => Errno.EINVAL,
                };
                if (error != Errno.Ok)
                    return error;
            }
            else if (socket.Domain is AddressFamily.Inet or AddressFamily.Inet6)
            {
                if (NetworkControl.Check(socket, level, type, data.Length) is not Errno.Ok and Errno refused)
                    return refused;
                if (NetworkControl.IsCarried(level, type))
                    control.Network.Add(level, type, data);
            }
            else if (level == SocketLevel.Socket)
            {
                return Errno.EINVAL;
            }

            bytes = bytes[Math.Min(Align((int)length), bytes.Length)..];
        }

        return Errno.Ok;
    }

    private static Errno ReadRights(Task task, ReadOnlySpan<byte> data, ControlData control)
    {
        int count = data.Length / sizeof(int);
        if (count > ControlData.MaxFiles || control.Files is not null)
            return Errno.EINVAL;
        if (count == 0)
            return Errno.Ok;
        OpenFile[] files = new OpenFile[count];
        for (int index = 0; index < count; index++)
        {
            Fd fd = new(BinaryPrimitives.ReadInt32LittleEndian(data[(index * sizeof(int))..]));
            if (!task.Files.Get(fd, allowPathOnly: true).Failed(out OpenFile? file, out Errno error))
            {
                files[index] = file;
                continue;
            }

            FilesInFlight.Close(files.AsSpan(0, index));
            return error;
        }

        // As Linux counts: a user's files on the way, against what one process may have open.
        bool isPrivileged = task.Credentials.Has(Capability.SysResource) || task.Credentials.Has(Capability.SysAdmin);
        long limit = isPrivileged ? long.MaxValue : task.Group.Limits.OpenFiles;
        if (control.TrySetFiles(files, new FlightCharge(task.Account, task.Credentials.UserId, limit)))
            return Errno.Ok;
        FilesInFlight.Close(files);
        return Errno.ETOOMANYREFS;
    }

    private static Errno ReadCredentials(Task task, ReadOnlySpan<byte> data, ControlData control)
    {
        if (data.Length != CredentialsBytes)
            return Errno.EINVAL;
        int pid = BinaryPrimitives.ReadInt32LittleEndian(data);
        Credentials own = task.Credentials;
        if (own.UserNamespace.UserToKernel(BinaryPrimitives.ReadUInt32LittleEndian(data[4..])) is not { } uid
            || own.UserNamespace.GroupToKernel(BinaryPrimitives.ReadUInt32LittleEndian(data[8..])) is not { } gid)
        {
            return Errno.EINVAL;
        }

        Pid? sender = task.Group.Id;
        if (pid != sender.In(task.PidNamespace))
        {
            if (!own.Has(Capability.SysAdmin))
                return Errno.EPERM;
            using (task.Kernel.Tree.Enter())
                sender = task.PidNamespace.Find(pid);
            if (sender is null)
                return Errno.ESRCH;
        }

        bool isOwnUser = uid == own.UserId || uid == own.EffectiveUserId || uid == own.SavedUserId;
        bool isOwnGroup = gid == own.GroupId || gid == own.EffectiveGroupId || gid == own.SavedGroupId;
        if ((!isOwnUser && !own.Has(Capability.SetUid)) || (!isOwnGroup && !own.Has(Capability.SetGid)))
            return Errno.EPERM;
        control.Credentials = new SenderCredentials(sender, uid, gid);
        return Errno.Ok;
    }

    /// <summary>
    /// Gives a receiver what came with a message, and descriptors for the files. What does not fit is lost, and closed:
    /// MSG_CTRUNC says so in <paramref name="flags"/>. Consumes what <paramref name="info"/> has;
    /// gives the bytes written.
    /// </summary>
    public static ulong Write(
        Task task, Socket socket, ref MessageInfo info, UserAddress address, ulong room, bool closeOnExec,
        ref SocketFlags flags)
    {
        ControlData? control = info.Control;
        ulong written = 0;
        if (address.IsNull)
            room = 0;
        if (socket.Options.PassCredentials && socket.Domain == AddressFamily.Unix)
            written = WriteCredentials(task, control?.Credentials, address, room, ref flags);
        if (control?.TakeFiles() is { } files)
            written += WriteRights(task, files, address + written, room - written, closeOnExec, ref flags);
        ReadOnlySpan<byte> messages = info.Network.Bytes;
        if (!messages.IsEmpty)
        {
            // The last message that begins may be cut short: the guest sees its header, and MSG_CTRUNC.
            int fitting = (int)Math.Min((ulong)messages.Length, room - written);
            if (fitting < messages.Length)
                flags |= SocketFlags.ControlTruncated;
            if (fitting < HeaderBytes || task.Memory.Write(address + written, messages[..fitting]) != Errno.Ok)
                fitting = 0;
            written += (ulong)fitting;
            info.Network.Drop();
        }

        return written;
    }

    private static ulong WriteCredentials(
        Task task, SenderCredentials? credentials, UserAddress address, ulong room, ref SocketFlags flags)
    {
        Span<byte> message = stackalloc byte[HeaderBytes + Align(CredentialsBytes)];
        message.Clear();
        WriteHeader(message, HeaderBytes + CredentialsBytes, Credentials);
        Socket.PutCredentials(task, credentials ?? SenderCredentials.Unknown, message[HeaderBytes..]);
        if (room < HeaderBytes + CredentialsBytes)
        {
            flags |= SocketFlags.ControlTruncated;
            return 0;
        }

        int length = (int)Math.Min(room, (ulong)message.Length);
        return task.Memory.Write(address, message[..length]) == Errno.Ok ? (ulong)length : 0;
    }

    private static ulong WriteRights(
        Task task, OpenFile[] files, UserAddress address, ulong room, bool closeOnExec, ref SocketFlags flags)
    {
        ulong fitting = room < HeaderBytes + sizeof(int) ? 0 : (room - HeaderBytes) / sizeof(int);
        int count = (int)Math.Min(fitting, (ulong)files.Length), given = 0;
        Span<byte> message = stackalloc byte[HeaderBytes + Align(ControlData.MaxFiles * sizeof(int))];
        message.Clear();
        while (given < count)
        {
            // Each descriptor is visible as soon as it is installed, as on Linux.
            files[given].AddReference();
            Result<int> fd = task.Files.Install(files[given], closeOnExec, task.Group.Limits.OpenFiles);
            if (fd.Failed(out int number, out _))
                break;
            BinaryPrimitives.WriteInt32LittleEndian(message[(HeaderBytes + (given * sizeof(int)))..], number);
            given++;
        }

        if (given < files.Length)
            flags |= SocketFlags.ControlTruncated;
        FilesInFlight.Close(files);
        if (given == 0)
            return 0;
        int length = HeaderBytes + (given * sizeof(int));
        WriteHeader(message, length, Rights);
        length = (int)Math.Min((ulong)Align(length), room);
        return task.Memory.Write(address, message[..length]) == Errno.Ok ? (ulong)length : 0;
    }

    private static void WriteHeader(Span<byte> message, int length, int type)
    {
        BinaryPrimitives.WriteInt64LittleEndian(message, length);
        BinaryPrimitives.WriteInt32LittleEndian(message[8..], SocketLevel.Socket);
        BinaryPrimitives.WriteInt32LittleEndian(message[12..], type);
    }

    private static int Align(int length) => (length + Alignment - 1) & -Alignment;
}
