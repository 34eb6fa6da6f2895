using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Timers;
using Sandbox.Sentry.Sockets;
using Sandbox.UnitTests.Filesystems;
using Xunit;

namespace Sandbox.UnitTests.Sockets;

/// <summary>tcp(7), udp(7) and ip(7) over the sandbox's own loopback.</summary>
public sealed class LoopbackTests
{
    private const uint Loopback = 0x7F000001, Elsewhere = 0x08080808;

    private readonly FakeCaller _caller = new();
    private readonly NetworkStack _stack = new(new TimerQueue());

    [Fact]
    public void A_tcp_connection_carries_bytes_and_knows_both_ends()
    {
        Socket server = Create(SocketKind.Stream), client = Create(SocketKind.Stream);
        Assert.Equal(Errno.ECONNREFUSED, client.Connect(_caller, V4(Loopback, 8080)));
        Assert.Equal(Errno.Ok, server.Bind(_caller, V4(0, 8080)));
        Assert.Equal(Errno.Ok, server.Listen(_caller, 5));
        Assert.Equal(Errno.Ok, client.Connect(_caller, V4(Loopback, 8080)));
        Assert.False(server.Accept().Failed(out Socket? accepted, out _));
        Assert.Equal(V4(Loopback, 8080).Bytes, accepted!.LocalAddress.Bytes);
        Assert.False(accepted.GetPeerAddress().Failed(out SocketAddress? peer, out _));
        Assert.Equal(client.LocalAddress.Bytes, peer!.Bytes);
        Ok(client.Write("GET /"u8));
        Assert.Equal(5, Ok(accepted.Read(new byte[10])));
        client.Release();
        Assert.Equal(0, Ok(accepted.Read(new byte[10])));
    }

    [Fact]
    public void Only_the_loopback_is_reachable_and_local()
    {
        Assert.Equal(Errno.ENETUNREACH, Create(SocketKind.Stream).Connect(_caller, V4(Elsewhere, 80)));
        Assert.Equal(Errno.ENETUNREACH, Create(SocketKind.Datagram).Connect(_caller, V4(Elsewhere, 53)));
        Assert.Equal(Errno.EADDRNOTAVAIL, Create(SocketKind.Stream).Bind(_caller, V4(Elsewhere, 80)));
    }

    [Fact]
    public void Ports_are_exclusive_unless_both_sides_agree()
    {
        Socket first = Create(SocketKind.Stream), second = Create(SocketKind.Stream);
        Assert.Equal(Errno.Ok, first.Bind(_caller, V4(Loopback, 9000)));
        Assert.Equal(Errno.EADDRINUSE, second.Bind(_caller, V4(0, 9000)));
        Assert.Equal(Errno.EADDRINUSE, Create(SocketKind.Stream, AddressFamily.Inet6).Bind(_caller, V6(9000)));
        Assert.Equal(Errno.Ok, second.Bind(_caller, V4(0x7F000002, 9000)));
        first.Release();
        second.Release();
        Assert.Equal(Errno.Ok, Create(SocketKind.Stream).Bind(_caller, V4(0, 9000)));
        Assert.Equal(Errno.Ok, Create(SocketKind.Datagram).Bind(_caller, V4(0, 9000)));
    }

    [Fact]
    public void A_dual_stack_listener_takes_mapped_connections()
    {
        Socket server = Create(SocketKind.Stream, AddressFamily.Inet6), client = Create(SocketKind.Stream);
        Assert.Equal(Errno.Ok, server.Bind(_caller, V6(7000)));
        Assert.Equal(Errno.Ok, server.Listen(_caller, 5));
        Assert.Equal(Errno.Ok, client.Connect(_caller, V4(Loopback, 7000)));
        Assert.False(server.Accept().Failed(out Socket? accepted, out _));
        Assert.Equal(28, accepted!.LocalAddress.Bytes.Length);
    }

    [Fact]
    public void Datagrams_find_their_port_and_name_their_sender()
    {
        Socket server = Create(SocketKind.Datagram), client = Create(SocketKind.Datagram);
        Assert.Equal(Errno.Ok, server.Bind(_caller, V4(0, 5353)));
        Ok(client.Send(_caller, "q"u8, V4(Loopback, 5353), null, SocketFlags.None));
        MessageInfo info = default;
        Assert.Equal(1, Ok(server.Receive(new byte[9], SocketFlags.None, ref info)));
        Ok(server.Send(_caller, "answer"u8, info.Sender, null, SocketFlags.None));
        Assert.Equal(6, Ok(client.Read(new byte[9])));
    }

    [Fact]
    public void A_connected_datagram_socket_hears_that_nobody_is_there()
    {
        Socket client = Create(SocketKind.Datagram);
        Assert.Equal(Errno.Ok, client.Connect(_caller, V4(Loopback, 4444)));
        Ok(client.Write("x"u8));
        Assert.Equal(Errno.ECONNREFUSED, client.Read(new byte[1]).Error);
        Assert.Equal(Errno.EAGAIN, client.Read(new byte[1]).Error);
    }

    private static SocketAddress V4(uint address, ushort port)
    {
        byte[] bytes = new byte[16];
        bytes[0] = AddressFamily.Inet;
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), port);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4), address);
        return new SocketAddress(bytes);
    }

    private static SocketAddress V6(ushort port)
    {
        byte[] bytes = new byte[28];
        bytes[0] = AddressFamily.Inet6;
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), port);
        return new SocketAddress(bytes);
    }

    private Socket Create(SocketKind kind, int domain = AddressFamily.Inet)
    {
        Assert.False(SocketFamilies.Of(domain, _stack).Failed(out ISocketFamily? family, out _));
        Assert.False(family!.Create(_caller, _stack, kind, 0, OpenFlags.ReadOnly).Failed(out Socket? socket, out _));
        return socket!;
    }

    private static int Ok(Result<int> result)
    {
        Assert.False(result.Failed(out int count, out Errno error), error.ToString());
        return count;
    }
}
