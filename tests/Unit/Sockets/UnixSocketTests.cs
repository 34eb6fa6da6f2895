using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Pipe;
using Sandbox.Sentry.Kernel.Timers;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sockets;
using Sandbox.Sentry.Vfs;
using Sandbox.UnitTests.Filesystems;
using Xunit;

namespace Sandbox.UnitTests.Sockets;

/// <summary>unix(7): stream, packet and datagram sockets without a filesystem.</summary>
public sealed class UnixSocketTests
{
    private readonly FakeCaller _caller = new();
    private readonly NetworkStack _stack = new(new TimerQueue());

    [Fact]
    public void A_stream_pair_carries_bytes_both_ways_and_ends()
    {
        (Socket one, Socket two) = Pair(SocketKind.Stream);
        Assert.Equal(5, Ok(one.Write("hello"u8)));
        Assert.Equal(2, Ok(two.Write("yo"u8)));
        byte[] bytes = new byte[16];
        Assert.Equal(PollEvents.Readable | PollEvents.Writable, two.Poll());
        Assert.Equal(3, Ok(two.Read(bytes.AsSpan(0, 3))));
        Assert.Equal(2, Ok(two.Read(bytes)));
        Assert.Equal(Errno.EAGAIN, two.Read(bytes).Error);
        Assert.Equal(2, Ok(one.Read(bytes)));
        one.Release();
        Assert.Equal(0, Ok(two.Read(bytes)));
        Assert.Equal(Errno.EPIPE, two.Write("x"u8).Error);
        Assert.Equal(
            PollEvents.Readable | PollEvents.Writable | PollEvents.ReadHangUp | PollEvents.HangUp, two.Poll());
    }

    [Fact]
    public void Closing_with_unread_bytes_resets_the_peer_once()
    {
        (Socket one, Socket two) = Pair(SocketKind.Stream);
        two.Write("unread"u8);
        one.Release();
        Assert.Equal(Errno.ECONNRESET, two.Read(new byte[1]).Error);
        Assert.Equal(0, Ok(two.Read(new byte[1])));
    }

    [Fact]
    public void Half_close_ends_one_direction_only()
    {
        (Socket one, Socket two) = Pair(SocketKind.Stream);
        Assert.Equal(Errno.Ok, one.Shutdown(ShutdownHow.Write));
        Assert.Equal(Errno.EPIPE, one.Write("x"u8).Error);
        Assert.Equal(0, Ok(two.Read(new byte[1])));
        Assert.Equal(2, Ok(two.Write("ok"u8)));
        Assert.Equal(2, Ok(one.Read(new byte[4])));
    }

    [Fact]
    public void A_full_stream_is_EAGAIN_and_not_writable_until_a_third_is_free()
    {
        (Socket one, Socket two) = Pair(SocketKind.Stream);
        while (one.Write(new byte[10000]).Error == Errno.Ok)
            continue;
        Assert.Equal(PollEvents.None, one.Poll() & PollEvents.Out);
        Ok(two.Read(new byte[1000]));
        Assert.Equal(PollEvents.None, one.Poll() & PollEvents.Out);
        for (int i = 0; i < 100; i++)
            Ok(two.Read(new byte[1000]));
        Assert.NotEqual(PollEvents.None, one.Poll() & PollEvents.Out);
    }

    [Fact]
    public void Packets_and_datagrams_keep_their_boundaries_and_say_when_they_were_cut()
    {
        foreach (SocketKind kind in new[] { SocketKind.SequentialPacket, SocketKind.Datagram })
        {
            (Socket one, Socket two) = Pair(kind);
            Ok(one.Write("first"u8));
            Ok(one.Write("second"u8));
            MessageInfo info = default;
            Assert.Equal(3, Ok(two.Receive(new byte[3], SocketFlags.Peek, ref info)));
            Assert.Equal(3, Ok(two.Receive(new byte[3], SocketFlags.None, ref info)));
            Assert.Equal(5, info.FullLength);
            Assert.Equal(SocketFlags.Truncated, info.Flags);
            Assert.Equal(6, Ok(two.Read(new byte[100])));
            Assert.Equal(Errno.EMSGSIZE, one.Write(new byte[1 << 20]).Error);
        }
    }

    [Fact]
    public void Abstract_names_are_listened_on_connected_to_and_free_again()
    {
        SocketAddress name = Abstract("server");
        Socket server = Create(SocketKind.Stream), client = Create(SocketKind.Stream);
        Assert.Equal(Errno.ECONNREFUSED, client.Connect(_caller, name));
        Assert.Equal(Errno.EINVAL, server.Listen(_caller, 1));
        Assert.Equal(Errno.Ok, server.Bind(_caller, name));
        Assert.Equal(Errno.ECONNREFUSED, client.Connect(_caller, name));
        Assert.Equal(Errno.Ok, server.Listen(_caller, 1));
        Assert.Equal(Errno.EAGAIN, server.Accept().Error);
        Assert.Equal(Errno.Ok, client.Connect(_caller, name));
        Assert.Equal(Errno.EISCONN, client.Connect(_caller, name));
        Ok(client.Write("early"u8));
        Assert.Equal(PollEvents.Readable, server.Poll());
        Assert.False(server.Accept().Failed(out Socket? accepted, out _));
        Assert.Equal(5, Ok(accepted!.Read(new byte[9])));
        Assert.Equal(name.Bytes, accepted.LocalAddress.Bytes);
        Assert.Equal(Errno.EADDRINUSE, Create(SocketKind.Stream).Bind(_caller, name));
        server.Release();
        Assert.Equal(Errno.Ok, Create(SocketKind.Stream).Bind(_caller, name));
    }

    [Fact]
    public void A_full_accept_queue_is_EAGAIN_and_a_closed_listener_resets_who_waited()
    {
        SocketAddress name = Abstract("full");
        Socket server = Create(SocketKind.Stream);
        server.Bind(_caller, name);
        server.Listen(_caller, 0);
        Socket first = Create(SocketKind.Stream), second = Create(SocketKind.Stream);
        Assert.Equal(Errno.Ok, first.Connect(_caller, name));
        Assert.Equal(Errno.EAGAIN, second.Connect(_caller, name));
        server.Release();
        Assert.Equal(Errno.ECONNRESET, first.Read(new byte[1]).Error);
        Assert.Equal(Errno.ECONNREFUSED, second.Connect(_caller, name));
    }

    [Fact]
    public void Files_travel_with_their_bytes_and_are_closed_if_nobody_takes_them()
    {
        (Socket one, Socket two) = Pair(SocketKind.Stream);
        (PipeFile reader, PipeFile writer) = Filesystems.TestPipe.Create(OpenFlags.ReadOnly, _caller);
        Ok(one.Write("plain"u8));
        Ok(one.Send(_caller, "with"u8, null, Files(writer), SocketFlags.None));
        MessageInfo info = default;
        Assert.Equal(5, Ok(two.Receive(new byte[100], SocketFlags.None, ref info)));
        Assert.Null(info.Control);
        Assert.Equal(4, Ok(two.Receive(new byte[100], SocketFlags.None, ref info)));
        OpenFile[]? files = info.Control!.TakeFiles();
        Assert.Same(writer, Assert.Single(files!));

        Ok(one.Send(_caller, "x"u8, null, Files(writer), SocketFlags.None));
        two.Release();
        Assert.Equal(Errno.EAGAIN, reader.Read(new byte[1]).Error); // Still the one that was taken above.
        files![0].Release();
        writer.Release();
        Assert.Equal(0, Ok(reader.Read(new byte[1])));
    }

    [Fact]
    public void A_long_chain_of_sockets_in_messages_closes_without_recursion()
    {
        (Socket outermost, Socket inner) = Pair(SocketKind.Datagram);
        for (int depth = 0; depth < 10000; depth++)
        {
            (Socket next, Socket other) = Pair(SocketKind.Datagram);
            Ok(next.Send(_caller, "x"u8, null, Take(inner), SocketFlags.None));
            next.Release();
            inner = other;
        }

        outermost.Release();
        inner.Release();
    }

    [Fact]
    public void Datagrams_bring_their_senders_name()
    {
        Socket server = Create(SocketKind.Datagram), client = Create(SocketKind.Datagram);
        server.Bind(_caller, Abstract("d-server"));
        client.Bind(_caller, Abstract("d-client"));
        Ok(client.Send(_caller, "hi"u8, Abstract("d-server"), null, SocketFlags.None));
        MessageInfo info = default;
        Ok(server.Receive(new byte[9], SocketFlags.None, ref info));
        Assert.Equal(Abstract("d-client").Bytes, info.Sender!.Bytes);
        server.Release();
        Assert.Equal(
            Errno.ECONNREFUSED, client.Send(_caller, "hi"u8, Abstract("d-server"), null, SocketFlags.None).Error);
    }

    private static ControlData Files(OpenFile file)
    {
        file.AddReference();
        return Take(file);
    }

    private static ControlData Take(OpenFile file)
    {
        ControlData control = new();
        Assert.True(control.TrySetFiles([file], new FlightCharge(MemoryAccount.Sandbox, 0, long.MaxValue)));
        return control;
    }

    private static SocketAddress Abstract(string name) =>
        new([AddressFamily.Unix, 0, 0, .. System.Text.Encoding.ASCII.GetBytes(name)]);

    private Socket Create(SocketKind kind)
    {
        Assert.False(SocketFamilies.Of(AddressFamily.Unix, _stack).Failed(out ISocketFamily? family, out _));
        Assert.False(family!.Create(_caller, _stack, kind, 0, OpenFlags.ReadOnly).Failed(out Socket? socket, out _));
        return socket!;
    }

    private (Socket One, Socket Two) Pair(SocketKind kind)
    {
        Assert.False(SocketFamilies.Of(AddressFamily.Unix, _stack).Failed(out ISocketFamily? family, out _));
        Assert.Equal(Errno.Ok, family!.CreatePair(
            _caller, _stack, kind, 0, OpenFlags.ReadOnly, out Socket? one, out Socket? two));
        return (one!, two!);
    }

    private static int Ok(Result<int> result)
    {
        Assert.False(result.Failed(out int count, out Errno error), error.ToString());
        return count;
    }
}
