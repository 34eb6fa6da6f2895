using System.Runtime.InteropServices;

namespace Sandbox.Linux;

/// <summary>
/// Sockets of the host's network, never blocking: AF_INET, AF_INET6 and AF_NETLINK. Addresses and option values are
/// bytes as programs write them; lengths were checked by the caller.
/// </summary>
public static unsafe class HostInet
{
    private const int NonBlock = 0x800, CloseOnExec = 0x80000, NoSignal = 0x4000, DontWait = 0x40, TruncatedFlag = 0x20;

    /// <summary>socket(2), non-blocking and close-on-exec.</summary>
    public static Result<int> Create(int domain, int type, int protocol) =>
        HostSyscall.AsInt(HostSyscall.Call(Sys.socket, domain, type | NonBlock | CloseOnExec, protocol));

    /// <summary>bind(2).</summary>
    public static Errno Bind(int fd, ReadOnlySpan<byte> address)
    {
        fixed (byte* start = address)
            return HostSyscall.ErrorOf(HostSyscall.Call(Sys.bind, fd, (long)start, address.Length));
    }

    /// <summary>connect(2); EINPROGRESS.</summary>
    public static Errno Connect(int fd, ReadOnlySpan<byte> address)
    {
        fixed (byte* start = address)
            return HostSyscall.ErrorOf(HostSyscall.CallRetrying(Sys.connect, fd, (long)start, address.Length));
    }

    /// <summary>listen(2).</summary>
    public static Errno Listen(int fd, int backlog) => HostSyscall.ErrorOf(HostSyscall.Call(Sys.listen, fd, backlog));

    /// <summary>accept4(2), non-blocking and close-on-exec. EAGAIN.</summary>
    public static Result<int> Accept(int fd) =>
        HostSyscall.AsInt(HostSyscall.CallRetrying(Sys.accept4, fd, 0, 0, NonBlock | CloseOnExec));

    /// <summary>shutdown(2).</summary>
    public static Errno Shutdown(int fd, int how) => HostSyscall.ErrorOf(HostSyscall.Call(Sys.shutdown, fd, how));

    /// <summary>getsockname(2) or getpeername(2); the number of bytes.</summary>
    public static Result<int> GetName(int fd, bool ofPeer, Span<byte> address)
    {
        int length = address.Length;
        fixed (byte* start = address)
        {
            long result = HostSyscall.Call(ofPeer ? Sys.getpeername : Sys.getsockname, fd, (long)start, (long)&length);
            return HostSyscall.ErrorOf(result) is not Errno.Ok and Errno error
                ? error
                : Math.Min(length, address.Length);
        }
    }

    /// <summary>sendmsg(2); an empty address is none, and so is empty ancillary data. EPIPE raises no signal.</summary>
    public static Result<int> Send(
        int fd, ReadOnlySpan<byte> data, int flags, ReadOnlySpan<byte> address, ReadOnlySpan<byte> control = default)
    {
        fixed (byte* start = data)
        fixed (byte* name = address)
        fixed (byte* messages = control)
        {
            if (control.IsEmpty)
            {
                return HostSyscall.AsInt(HostSyscall.CallRetrying(
                    Sys.sendto, fd, (long)start, data.Length, flags | NoSignal | DontWait, (long)name, address.Length));
            }

            Vector vector = new() { Base = (nuint)start, Length = (nuint)data.Length };
            Header header = new()
            {
                Name = (nuint)name, NameBytes = address.Length, Vectors = (nuint)(&vector), VectorCount = 1,
                Control = (nuint)messages, ControlBytes = (nuint)control.Length,
            };
            return HostSyscall.AsInt(
                HostSyscall.CallRetrying(Sys.sendmsg, fd, (long)(&header), flags | NoSignal | DontWait));
        }
    }

    /// <summary>
    /// recvmsg(2). With MSG_TRUNC in <paramref name="flags"/> the result is a datagram's whole length. An address of no
    /// bytes means that the socket tells no sender.
    /// </summary>
    public static Result<int> Receive(
        int fd, Span<byte> data, int flags, Span<byte> address, Span<byte> control, out Received received)
    {
        fixed (byte* start = data)
        fixed (byte* name = address)
        fixed (byte* messages = control)
        {
            Vector vector = new() { Base = (nuint)start, Length = (nuint)data.Length };
            Header header = new()
            {
                Name = (nuint)name, NameBytes = address.Length, Vectors = (nuint)(&vector), VectorCount = 1,
                Control = (nuint)messages, ControlBytes = (nuint)control.Length,
            };
            long result = HostSyscall.CallRetrying(Sys.recvmsg, fd, (long)(&header), flags | DontWait);
            received = result < 0
                ? default
                : new Received(
                    Math.Clamp(header.NameBytes, 0, address.Length),
                    (int)Math.Min(header.ControlBytes, (nuint)control.Length),
                    header.Flags);
            return HostSyscall.AsInt(result);
        }
    }

    /// <summary>What came beside a message: lengths of the address and the ancillary data, and MSG_ flags.</summary>
    public readonly record struct Received(int AddressBytes, int ControlBytes, int Flags);

    /// <summary>The flag of <see cref="Receive"/> that asks for the whole length.</summary>
    public static int WholeLength => TruncatedFlag;

    /// <summary>getsockopt(2); the value's length.</summary>
    public static Result<int> GetOption(int fd, int level, int name, Span<byte> value)
    {
        int length = value.Length;
        fixed (byte* start = value)
        {
            long result = HostSyscall.Call(Sys.getsockopt, fd, level, name, (long)start, (long)&length);
            return HostSyscall.ErrorOf(result) is not Errno.Ok and Errno error
                ? error
                : Math.Clamp(length, 0, value.Length);
        }
    }

    /// <summary>setsockopt(2).</summary>
    public static Errno SetOption(int fd, int level, int name, ReadOnlySpan<byte> value)
    {
        fixed (byte* start = value)
            return HostSyscall.ErrorOf(HostSyscall.Call(Sys.setsockopt, fd, level, name, (long)start, value.Length));
    }

    /// <summary>
    /// An ioctl(2) that reads and writes <paramref name="request"/>'s struct in place (struct ifreq, an int).
    /// </summary>
    public static Errno Control(int fd, uint request, Span<byte> value)
    {
        fixed (byte* start = value)
            return HostSyscall.ErrorOf(HostSyscall.Call(Sys.ioctl, fd, request, (long)start));
    }

    /// <summary>SIOCGIFCONF: fills in struct ifreq entries and gives their bytes.</summary>
    public static Result<int> ListInterfaces(int fd, Span<byte> entries)
    {
        const uint getConfiguration = 0x8912;
        fixed (byte* start = entries)
        {
            InterfaceList list = new() { Length = entries.Length, Entries = (nuint)start };
            long result = HostSyscall.Call(Sys.ioctl, fd, getConfiguration, (long)(&list));
            return HostSyscall.ErrorOf(result) is not Errno.Ok and Errno error
                ? error
                : Math.Clamp(list.Length, 0, entries.Length);
        }
    }

    /// <summary>struct ifconf.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct InterfaceList
    {
        public int Length;
        private readonly int _padding;
        public nuint Entries;
    }

    /// <summary>struct iovec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Vector
    {
        public nuint Base;
        public nuint Length;
    }

    /// <summary>struct msghdr.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Header
    {
        public nuint Name;
        public int NameBytes;
        private readonly int _padding0;
        public nuint Vectors;
        public nuint VectorCount;
        public nuint Control;
        public nuint ControlBytes;
        public int Flags;
        private readonly int _padding1;
    }
}
