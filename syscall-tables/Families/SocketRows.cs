using Sandbox.Linux;
using Sandbox.Sentry.Sockets;
using Sandbox.Sentry.Syscalls;
using F = Sandbox.SyscallTables.Tracing.ArgumentFormat;

namespace Sandbox.SyscallTables.Families;

/// <summary>Sockets.</summary>
internal static unsafe class SocketRows
{
    public static void Add(Syscall?[] rows)
    {
        rows[Sys.socket] = Syscall.Of<int, int, int>("socket", &SocketSyscalls.Create)
            .Partial("AF_UNIX, AF_NETLINK (route), AF_INET and AF_INET6 on the loopback")
            .Shows(F.SocketDomain, F.SocketType, F.Signed32);
        rows[Sys.socketpair] = Syscall.Of<int, int, int, UserPtr<FdPair>>("socketpair", &SocketSyscalls.CreatePair)
            .Shows(F.SocketDomain, F.SocketType, F.Signed32, F.FdPairOut);
        rows[Sys.bind] = Syscall.Of<Fd, UserAddress, int>("bind", &SocketSyscalls.Bind)
            .Shows(F.Fd, F.SocketAddress, F.Signed32);
        rows[Sys.listen] = Syscall.Of<Fd, int>("listen", &SocketSyscalls.Listen);
        rows[Sys.connect] = Syscall.Of<Fd, UserAddress, int>("connect", &SocketSyscalls.Connect)
            .Shows(F.Fd, F.SocketAddress, F.Signed32)
            .Waits("sock_connect");
        rows[Sys.accept] = Syscall.Of<Fd, UserAddress, UserPtr<int>>("accept", &SocketSyscalls.Accept)
            .Shows(F.Fd, F.SocketAddressOut, F.IntegerOut)
            .Waits("inet_csk_accept");
        rows[Sys.accept4] = Syscall.Of<Fd, UserAddress, UserPtr<int>, OpenFlags>("accept4", &SocketSyscalls.Accept4)
            .Shows(F.Fd, F.SocketAddressOut, F.IntegerOut, F.DescriptorFlags)
            .Waits("inet_csk_accept");
        rows[Sys.getsockname] = Syscall.Of<Fd, UserAddress, UserPtr<int>>("getsockname", &SocketSyscalls.GetSocketName)
            .Shows(F.Fd, F.SocketAddressOut, F.IntegerOut);
        rows[Sys.getpeername] = Syscall.Of<Fd, UserAddress, UserPtr<int>>("getpeername", &SocketSyscalls.GetPeerName)
            .Shows(F.Fd, F.SocketAddressOut, F.IntegerOut);
        rows[Sys.shutdown] = Syscall.Of<Fd, int>("shutdown", &SocketSyscalls.Shutdown)
            .Shows(F.Fd, F.ShutdownHow);
        rows[Sys.setsockopt] = Syscall.Of<Fd, int, int, UserAddress, int>("setsockopt", &SocketSyscalls.SetOption)
            .Partial("SO_RCVLOWAT, SO_TIMESTAMPING, many IP_* and IPV6_*, TCP_QUICKACK, TCP_WINDOW_CLAMP, "
                + "TCP_NOTSENT_LOWAT: kept, without effect; SO_LINGER does not wait")
            .Shows(F.Fd, F.SocketLevel, F.SocketOption, F.Data, F.Signed32);
        rows[Sys.getsockopt] = Syscall.Of<Fd, int, int, UserAddress, UserPtr<int>>(
            "getsockopt", &SocketSyscalls.GetOption)
            .Shows(F.Fd, F.SocketLevel, F.SocketOption, F.LongOut, F.IntegerOut);

        rows[Sys.sendto] = Syscall.Of<Fd, UserAddress, ulong, SocketFlags, UserAddress, int>(
            "sendto", &MessageSyscalls.SendTo)
            .Partial("MSG_OOB with TCP only, without SIGURG")
            .Shows(F.Fd, F.Data, F.Unsigned64, F.MessageFlags, F.SocketAddress, F.Signed32)
            .Waits("sock_sendmsg", withoutThread: true)
            .ByPage(PageCall.Buffer);
        rows[Sys.recvfrom] = Syscall.Of<Fd, UserAddress, ulong, SocketFlags, UserAddress, UserPtr<int>>(
            "recvfrom", &MessageSyscalls.ReceiveFrom).Partial("MSG_OOB with TCP only")
            .Shows(F.Fd, F.DataOut, F.Unsigned64, F.MessageFlags, F.SocketAddressOut, F.IntegerOut)
            .Waits("sock_recvmsg", withoutThread: true)
            .ByPage(PageCall.NoInput);
        rows[Sys.sendmsg] = Syscall.Of<Fd, UserPtr<MessageHeader>, SocketFlags>("sendmsg", &MessageSyscalls.SendMessage)
            .Waits("sock_sendmsg", withoutThread: true)
            .ByPage(PageCall.Message);
        rows[Sys.recvmsg] = Syscall.Of<Fd, UserPtr<MessageHeader>, SocketFlags>(
            "recvmsg", &MessageSyscalls.ReceiveMessage)
            .Shows(F.Fd, F.MessageOut, F.MessageFlags)
            .Waits("sock_recvmsg", withoutThread: true)
            .ByPage(PageCall.Message);
        rows[Sys.sendmmsg] = Syscall.Of<Fd, UserPtr<MessageSyscalls.CountedHeader>, uint, SocketFlags>(
            "sendmmsg", &MessageSyscalls.SendMessages)
            .Waits("sock_sendmsg");
        rows[Sys.recvmmsg] =
            Syscall.Of<Fd, UserPtr<MessageSyscalls.CountedHeader>, uint, SocketFlags, UserPtr<Timespec>>(
            "recvmmsg", &MessageSyscalls.ReceiveMessages)
            .Waits("sock_recvmsg");
    }
}
