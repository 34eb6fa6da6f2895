using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Sandbox.Linux;

/// <summary>Host socket address families we use.</summary>
public enum SocketFamily
{
    Unix = 1,
}

/// <summary>Socket types and the flags or-ed to them (socket(2)).</summary>
[Flags]
public enum SocketType
{
    None = 0,
    Stream = 1,
    Datagram = 2,
    SequencedPacket = 5,
    TypeMask = 0xF,
    NonBlock = 0x800,
    CloseOnExec = 0x80000,
}

/// <summary>Flags of send(2) and recv(2).</summary>
[Flags]
public enum MessageFlags
{
    None = 0,
    OutOfBand = 0x1,
    Peek = 0x2,
    ControlTruncated = 0x8,
    Truncated = 0x20,
    DontWait = 0x40,
    EndOfRecord = 0x80,
    WaitAll = 0x100,
    NoSignal = 0x4000,
    CloseOnExecFds = 0x40000000,
}

/// <summary>
/// What came in with one recvmsg(2): <paramref name="Length"/> bytes (0: end of file) and descriptors.
/// </summary>
public readonly record struct ReceivedMessage(int Length, int FdCount, MessageFlags Flags);

/// <summary>Unix sockets of the host, with descriptors in ancillary data (unix(7)). All retry EINTR.</summary>
public static unsafe class HostSocket
{
    /// <summary>How many descriptors one message may carry here (the kernel's SCM_MAX_FD is 253).</summary>
    public const int FdsPerMessageMax = 64;

    private const int SolSocket = 1, ScmRights = 1, ControlHeaderBytes = 16, UnixPathBytesMax = 108;

    /// <summary>socketpair(2) of AF_UNIX; close-on-exec.</summary>
    public static Result<(HostFd First, HostFd Second)> CreatePair(SocketType type)
    {
        int* pair = stackalloc int[2];
        long result = HostSyscall.Call(
            Sys.socketpair, (int)SocketFamily.Unix, (int)(type | SocketType.CloseOnExec), 0, (long)pair);
        return HostSyscall.ErrorOf(result) is not Errno.Ok and Errno error
            ? error
            : (new HostFd(pair[0]), new HostFd(pair[1]));
    }

    /// <summary>socket(2); close-on-exec.</summary>
    public static Result<int> Create(SocketFamily family, SocketType type) =>
        HostSyscall.AsInt(HostSyscall.Call(Sys.socket, (int)family, (int)(type | SocketType.CloseOnExec), 0));

    /// <summary>connect(2) to a Unix socket by path, without NUL. Errors: ENAMETOOLONG beyond 107 bytes.</summary>
    public static Errno ConnectUnix(int fd, ReadOnlySpan<byte> path)
    {
        Span<byte> address = stackalloc byte[2 + UnixPathBytesMax];
        if (path.Length >= UnixPathBytesMax)
            return Errno.ENAMETOOLONG;
        address.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(address, (ushort)SocketFamily.Unix);
        path.CopyTo(address[2..]);
        fixed (byte* start = address)
            return HostSyscall.ErrorOf(HostSyscall.CallRetrying(Sys.connect, fd, (long)start, 2 + path.Length + 1));
    }

    /// <summary>
    /// sendmsg(2) with MSG_NOSIGNAL, and <paramref name="fds"/> as SCM_RIGHTS; the number of bytes sent.
    /// </summary>
    public static Result<int> Send(
        int fd, ReadOnlySpan<byte> data, ReadOnlySpan<int> fds = default, MessageFlags flags = MessageFlags.None)
    {
        if (fds.Length > FdsPerMessageMax)
            return Errno.EINVAL;
        byte* control = stackalloc byte[ControlHeaderBytes + (FdsPerMessageMax * sizeof(int))];
        fixed (byte* start = data)
        {
            Vector vector = new() { Base = (nuint)start, Length = (nuint)data.Length };
            Header header = new() { Vectors = (nuint)(&vector), VectorCount = 1 };
            if (!fds.IsEmpty)
            {
                int payload = fds.Length * sizeof(int);
                *(ulong*)control = (ulong)(ControlHeaderBytes + payload); // struct cmsghdr: cmsg_len, level, type
                *(int*)(control + 8) = SolSocket;
                *(int*)(control + 12) = ScmRights;
                fds.CopyTo(new Span<int>(control + ControlHeaderBytes, fds.Length));
                header.Control = (nuint)control;
                header.ControlLength = (nuint)(ControlHeaderBytes + ((payload + 7) & ~7)); // CMSG_SPACE
            }

            return HostSyscall.AsInt(HostSyscall.CallRetrying(
                Sys.sendmsg, fd, (long)(&header), (int)(flags | MessageFlags.NoSignal)));
        }
    }

    /// <summary>
    /// recvmsg(2). Descriptors that came along go to <paramref name="fds"/>, close-on-exec, and are the caller's; what
    /// does not fit was never installed in this process (MSG_CTRUNC). With no room given,
    /// nobody can push a descriptor on us.
    /// </summary>
    public static Result<ReceivedMessage> Receive(
        int fd, Span<byte> data, Span<int> fds = default, MessageFlags flags = MessageFlags.None)
    {
        byte* control = stackalloc byte[ControlHeaderBytes + (FdsPerMessageMax * sizeof(int))];
        int room = Math.Min(fds.Length, FdsPerMessageMax);
        fixed (byte* start = data)
        {
            Vector vector = new() { Base = (nuint)start, Length = (nuint)data.Length };
            Header header = new() { Vectors = (nuint)(&vector), VectorCount = 1 };
            if (room > 0)
            {
                header.Control = (nuint)control;
                header.ControlLength = (nuint)(ControlHeaderBytes + (room * sizeof(int)));
            }

            long result = HostSyscall.CallRetrying(
                Sys.recvmsg, fd, (long)(&header), (int)(flags | MessageFlags.CloseOnExecFds));
            if (HostSyscall.ErrorOf(result) is not Errno.Ok and Errno error)
                return error;
            int count = TakeFds(new ReadOnlySpan<byte>(control, room > 0 ? (int)header.ControlLength : 0), fds);
            return new ReceivedMessage((int)result, count, (MessageFlags)header.Flags);
        }
    }

    /// <summary>shutdown(2) of both directions: wakes whoever waits on either end.</summary>
    public static Errno ShutDown(int fd) => HostSyscall.ErrorOf(HostSyscall.Call(Sys.shutdown, fd, 2));

    private static int TakeFds(ReadOnlySpan<byte> control, Span<int> fds)
    {
        int count = 0;
        while (control.Length >= ControlHeaderBytes)
        {
            ulong length = BinaryPrimitives.ReadUInt64LittleEndian(control);
            if (length < ControlHeaderBytes || length > (ulong)control.Length)
                break;
            if (BinaryPrimitives.ReadInt32LittleEndian(control[8..]) == SolSocket
                && BinaryPrimitives.ReadInt32LittleEndian(control[12..]) == ScmRights)
            {
                ReadOnlySpan<byte> numbers = control[ControlHeaderBytes..(int)length];
                for (; numbers.Length >= sizeof(int) && count < fds.Length; numbers = numbers[sizeof(int)..])
                    fds[count++] = BinaryPrimitives.ReadInt32LittleEndian(numbers);
            }

            control = control[Math.Min(control.Length, ((int)length + 7) & ~7)..];
        }

        return count;
    }

    /// <summary>struct iovec with host pointers.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Vector
    {
        public nuint Base;
        public nuint Length;
    }

    /// <summary>struct msghdr (recvmsg(2)).</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Header
    {
        public nuint Name;
        public uint NameLength;
        private readonly uint _padding0;
        public nuint Vectors;
        public nuint VectorCount;
        public nuint Control;
        public nuint ControlLength;
        public int Flags;
        private readonly uint _padding1;
    }
}
