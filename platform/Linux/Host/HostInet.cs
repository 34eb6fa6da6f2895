using System.Runtime.InteropServices;

namespace Sandbox.Linux;

/// <summary>
/// Sockets of the host's network, never blocking: AF_INET, AF_INET6 and AF_NETLINK. Addresses and option values are bytes as
/// programs write them; lengths were checked by the caller.
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
            return HostSyscall.ErrorOf(result) is not Errno.Ok and Errno error ? error : Math.Min(length, address.Length);
        }
    }

    /// <summary>sendto(2); an empty address is none. EPIPE raises no signal.</summary>
    public static Result<int> Send(int fd, ReadOnlySpan<byte> data, int flags, ReadOnlySpan<byte> address)
    {
        fixed (byte* start = data)
        fixed (byte* name = address)
        {
            return HostSyscall.AsInt(HostSyscall.CallRetrying(
                Sys.sendto, fd, (long)start, data.Length, flags | NoSignal | DontWait, (long)name, address.Length));
        }
    }

    /// <summary>
    /// recvfrom(2). With MSG_TRUNC in <paramref name="flags"/> the result is a datagram's whole length.
    /// <paramref name="addressBytes"/> is 0 where the socket tells no sender.
    /// </summary>
    public static Result<int> Receive(int fd, Span<byte> data, int flags, Span<byte> address, out int addressBytes)
    {
        int length = address.Length;
        fixed (byte* start = data)
        fixed (byte* name = address)
        {
            long result = HostSyscall.CallRetrying(
                Sys.recvfrom, fd, (long)start, data.Length, flags | DontWait, (long)name, (long)&length);
            addressBytes = result < 0 ? 0 : Math.Clamp(length, 0, address.Length);
            return HostSyscall.AsInt(result);
        }
    }

    /// <summary>The flag of <see cref="Receive"/> that asks for the whole length.</summary>
    public static int WholeLength => TruncatedFlag;

    /// <summary>getsockopt(2); the value's length.</summary>
    public static Result<int> GetOption(int fd, int level, int name, Span<byte> value)
    {
        int length = value.Length;
        fixed (byte* start = value)
        {
            long result = HostSyscall.Call(Sys.getsockopt, fd, level, name, (long)start, (long)&length);
            return HostSyscall.ErrorOf(result) is not Errno.Ok and Errno error ? error : Math.Clamp(length, 0, value.Length);
        }
    }

    /// <summary>setsockopt(2).</summary>
    public static Errno SetOption(int fd, int level, int name, ReadOnlySpan<byte> value)
    {
        fixed (byte* start = value)
            return HostSyscall.ErrorOf(HostSyscall.Call(Sys.setsockopt, fd, level, name, (long)start, value.Length));
    }

    /// <summary>An ioctl(2) that reads and writes <paramref name="request"/>'s struct in place (struct ifreq, an int).</summary>
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
            return HostSyscall.ErrorOf(result) is not Errno.Ok and Errno error ? error : Math.Clamp(list.Length, 0, entries.Length);
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
}
