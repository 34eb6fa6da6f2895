using Sandbox.Linux;
using Sandbox.Sentry.Sockets;
using Sandbox.Sentry.Syscalls;

namespace Sandbox.SyscallTables.Families;

/// <summary>Sockets.</summary>
internal static unsafe class SocketRows
{
    public static void Add(Syscall?[] rows)
    {
        rows[Sys.socket] = Syscall.Of<int, int, int>("socket", &SocketSyscalls.Create)
            .Partial("AF_UNIX, AF_NETLINK (route), AF_INET and AF_INET6 on the loopback");
        rows[Sys.socketpair] = Syscall.Of<int, int, int, UserPtr<FdPair>>("socketpair", &SocketSyscalls.CreatePair);
        rows[Sys.bind] = Syscall.Of<Fd, UserAddress, int>("bind", &SocketSyscalls.Bind);
        rows[Sys.listen] = Syscall.Of<Fd, int>("listen", &SocketSyscalls.Listen);
        rows[Sys.connect] = Syscall.Of<Fd, UserAddress, int>("connect", &SocketSyscalls.Connect);
        rows[Sys.accept] = Syscall.Of<Fd, UserAddress, UserPtr<int>>("accept", &SocketSyscalls.Accept);
        rows[Sys.accept4] = Syscall.Of<Fd, UserAddress, UserPtr<int>, OpenFlags>("accept4", &SocketSyscalls.Accept4);
        rows[Sys.getsockname] = Syscall.Of<Fd, UserAddress, UserPtr<int>>("getsockname", &SocketSyscalls.GetSocketName);
        rows[Sys.getpeername] = Syscall.Of<Fd, UserAddress, UserPtr<int>>("getpeername", &SocketSyscalls.GetPeerName);
        rows[Sys.shutdown] = Syscall.Of<Fd, int>("shutdown", &SocketSyscalls.Shutdown);
        rows[Sys.setsockopt] = Syscall.Of<Fd, int, int, UserAddress, int>("setsockopt", &SocketSyscalls.SetOption)
            .Partial("SO_RCVLOWAT, SO_TIMESTAMP*, SO_RXQ_OVFL, most IP_*, IPV6_*, TCP_*: kept, without effect");
        rows[Sys.getsockopt] = Syscall.Of<Fd, int, int, UserAddress, UserPtr<int>>("getsockopt", &SocketSyscalls.GetOption);

        rows[Sys.sendto] = Syscall.Of<Fd, UserAddress, ulong, SocketFlags, UserAddress, int>("sendto", &MessageSyscalls.SendTo)
            .Partial("no MSG_OOB");
        rows[Sys.recvfrom] = Syscall.Of<Fd, UserAddress, ulong, SocketFlags, UserAddress, UserPtr<int>>(
            "recvfrom", &MessageSyscalls.ReceiveFrom).Partial("no MSG_OOB");
        rows[Sys.sendmsg] = Syscall.Of<Fd, UserPtr<MessageHeader>, SocketFlags>("sendmsg", &MessageSyscalls.SendMessage);
        rows[Sys.recvmsg] = Syscall.Of<Fd, UserPtr<MessageHeader>, SocketFlags>("recvmsg", &MessageSyscalls.ReceiveMessage);
        rows[Sys.sendmmsg] = Syscall.Of<Fd, UserPtr<MessageSyscalls.CountedHeader>, uint, SocketFlags>(
            "sendmmsg", &MessageSyscalls.SendMessages);
        rows[Sys.recvmmsg] = Syscall.Of<Fd, UserPtr<MessageSyscalls.CountedHeader>, uint, SocketFlags, UserPtr<Timespec>>(
            "recvmmsg", &MessageSyscalls.ReceiveMessages);
    }
}
