using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sockets;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>struct msghdr (sendmsg(2)).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MessageHeader
{
    public UserAddress Name;
    public int NameBytes;
    private readonly int _padding0;
    public UserPtr<IoVector> Vectors;
    public ulong VectorCount;
    public UserAddress Control;
    public ulong ControlBytes;
    public SocketFlags Flags;
    private readonly int _padding1;
}

/// <summary>Descriptors and addresses of socket calls, taken from and given to the guest.</summary>
internal static class SocketArguments
{
    /// <summary>The socket of a descriptor, with a reference for the caller. EBADF, ENOTSOCK.</summary>
    public static Result<Socket> GetSocket(Task task, Fd fd)
    {
        if (task.CallFile.Begin(task, fd).Failed(out OpenFile? file, out Errno error))
            return error;
        if (file is Socket socket)
            return socket;
        file.Release();
        return Errno.ENOTSOCK;
    }

    /// <summary>An address from the guest. EINVAL for a length that cannot be one, EFAULT.</summary>
    public static Result<SocketAddress> ReadAddress(Task task, UserAddress address, int length)
    {
        if (length is < sizeof(ushort) or > SocketAddress.MaxBytes)
            return Errno.EINVAL;
        Span<byte> bytes = stackalloc byte[length];
        return task.Memory.Read(address, bytes) is not Errno.Ok and Errno error ? error : new SocketAddress(bytes);
    }

    /// <summary>
    /// Gives an address to the guest as accept(2) and its like do: as much as fits, and the real length.
    /// A null pointer wants none.
    /// </summary>
    public static Errno WriteAddress(Task task, SocketAddress? address, UserAddress destination, UserPtr<int> length)
    {
        if (destination.IsNull)
            return Errno.Ok;
        if (task.Memory.Read(length, out int room) is not Errno.Ok and Errno error)
            return error;
        if (room < 0)
            return Errno.EINVAL;
        ReadOnlySpan<byte> bytes = address is null ? default : address.Bytes;
        if (task.Memory.Write(destination, bytes[..Math.Min(room, bytes.Length)]) is not Errno.Ok and Errno fault)
            return fault;
        return task.Memory.Write(length, bytes.Length);
    }

    /// <summary>An int option value, or whatever the option is, from the guest.</summary>
    public static Errno ReadOption(Task task, UserAddress address, int length, Span<byte> value, out int count)
    {
        count = 0;
        if (length < 0)
            return Errno.EINVAL;
        count = Math.Min(length, value.Length);
        return task.Memory.Read(address, value[..count]);
    }

    /// <summary>Gives an option's value to the guest, cut to the room it said it has.</summary>
    public static Errno WriteOption(Task task, ReadOnlySpan<byte> value, UserAddress address, UserPtr<int> length)
    {
        if (task.Memory.Read(length, out int room) is not Errno.Ok and Errno error)
            return error;
        if (room < 0)
            return Errno.EINVAL;
        ReadOnlySpan<byte> fitting = value[..Math.Min(room, value.Length)];
        if (task.Memory.Write(address, fitting) is not Errno.Ok and Errno fault)
            return fault;
        return task.Memory.Write(length, fitting.Length);
    }
}
