using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Sandbox.Gofer.Protocol;
using Sandbox.Linux;
using Xunit;

namespace Sandbox.UnitTests.Gofer;

/// <summary>Packets no honest client would send: each gets an error, and the server goes on serving.</summary>
public sealed class GoferHostileMessageTests : IDisposable
{
    private readonly GoferFixture _gofer = new();

    public void Dispose() => _gofer.Dispose();

    [Fact]
    public void A_packet_shorter_than_a_header_is_a_protocol_error() =>
        Assert.Equal(Errno.EPROTO, Send([1, 0, 0]));

    [Fact]
    public void A_length_that_is_not_the_packets_is_a_protocol_error()
    {
        byte[] packet = Request(GoferOperation.GetAttributes, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        BinaryPrimitives.WriteUInt32LittleEndian(packet.AsSpan(4), (uint)packet.Length + 1);
        Assert.Equal(Errno.EPROTO, Send(packet));
    }

    [Fact]
    public void A_packet_that_is_too_long_is_a_protocol_error() =>
        Assert.Equal(Errno.EPROTO, Send(Request(GoferOperation.Walk, new byte[GoferLimits.MessageBytesMax])));

    [Fact]
    public void An_unknown_operation_is_refused()
    {
        Assert.Equal(Errno.EOPNOTSUPP, Send(Request((GoferOperation)999, [])));
        Assert.Equal(Errno.EOPNOTSUPP, Send(Request(GoferOperation.None, [])));
    }

    [Fact]
    public void Huge_counts_are_refused()
    {
        Assert.Equal(Errno.EINVAL, Send(Request(GoferOperation.Walk, Body(_gofer.RootHandle, 0xFFFF))));
        Assert.Equal(Errno.EINVAL, Send(Request(GoferOperation.Close, Body(uint.MaxValue, 0))));
        Assert.Equal(Errno.EPROTO, Send(Request(GoferOperation.Close, Body(2, 0))));
        Assert.Equal(Errno.EINVAL, Send(Request(GoferOperation.Walk, Body(_gofer.RootHandle, 0))));
        Assert.Equal(Errno.EINVAL, Send(Request(GoferOperation.OpenMany, Body(_gofer.RootHandle, 0))));
        Assert.Equal(
            Errno.EINVAL, Send(Request(GoferOperation.OpenMany, Body(_gofer.RootHandle, GoferLimits.OpenManyMax + 1))));
        Assert.Equal(Errno.EPROTO, Send(Request(GoferOperation.OpenMany, Body(_gofer.RootHandle, 2))));
        const uint oneDirectory = 1 << 16;
        Assert.Equal(Errno.EINVAL, Send(Request(GoferOperation.ReadTree, Body(_gofer.RootHandle, oneDirectory))));
        Assert.Equal(
            Errno.EINVAL,
            Send(Request(
                GoferOperation.ReadTree, Body(_gofer.RootHandle, oneDirectory + GoferLimits.ReadTreePathsMax + 1))));
        Assert.Equal(Errno.EINVAL, Send(Request(GoferOperation.ReadTree, Body(_gofer.RootHandle, 1))));
        Assert.Equal(Errno.EPROTO, Send(Request(GoferOperation.ReadTree, Body(_gofer.RootHandle, oneDirectory + 1))));
    }

    [Fact]
    public void Handles_nobody_gave_out_are_refused()
    {
        foreach (uint handle in (ReadOnlySpan<uint>)[0, 2, 77, int.MaxValue, uint.MaxValue, 1 << 18, (1 << 18) + 1])
        {
            byte[] body = [.. Body(handle, 0), 0, 0, 0];
            Assert.Equal(Errno.EBADF, Send(Request(GoferOperation.GetAttributes, body)));
        }
    }

    [Fact]
    public void Every_truncation_of_a_valid_request_is_refused()
    {
        File.WriteAllText(_gofer.At("name"), "");
        byte[] body = [.. Body(_gofer.RootHandle, 0), 4, 0, .. "name\0"u8];
        Assert.Equal(Errno.Ok, Send(Request(GoferOperation.GetAttributes, body)));
        for (int length = 0; length < body.Length; length++)
            Assert.Equal(Errno.EPROTO, Send(Request(GoferOperation.GetAttributes, body.AsSpan(0, length))));
        body[^1] = (byte)'x'; // No NUL where one must be.
        Assert.Equal(Errno.EPROTO, Send(Request(GoferOperation.GetAttributes, body)));
    }

    [Fact]
    public void Descriptors_sent_along_are_not_taken()
    {
        int before = Directory.GetFiles("/proc/self/fd").Length;
        byte[] body = [.. Body(_gofer.RootHandle, 0), 0, 0, 0];
        for (int i = 0; i < 20; i++)
        {
            Assert.False(HostSocket.Send(
                _gofer.RawSocket, Request(GoferOperation.GetAttributes, body), [0, 1, 2]).Failed(out _, out _));
            Assert.Equal(Errno.Ok, ReceiveError());
        }

        Assert.InRange(Directory.GetFiles("/proc/self/fd").Length, 0, before + 10);
    }

    [Fact]
    public void A_hundred_thousand_random_packets_harm_nothing()
    {
        Directory.CreateDirectory(_gofer.At("d"));
        File.WriteAllText(_gofer.At("f"), "data");
        Random random = new(20261121);
        byte[] packet = new byte[512];
        for (int i = 0; i < 100_000; i++)
        {
            int length = Fill(packet, random, i);
            Assert.False(HostSocket.Send(_gofer.RawSocket, packet.AsSpan(0, length)).Failed(out _, out _));
            ReceiveError();
        }

        Assert.Equal(Errno.Ok, _gofer.Client.GetAttributes(_gofer.Attach(0), default, out _));
        Assert.Equal("secret", File.ReadAllText(Path.Combine(_gofer.Folder, "outside", "secret")));
        Assert.Equal(
            ["outside", "root"], Directory.GetFileSystemEntries(_gofer.Folder).Select(Path.GetFileName).Order());
    }

    /// <summary>Ever less nonsense: all random; a sound header; a live handle; a sound name.</summary>
    private int Fill(byte[] packet, Random random, int round)
    {
        int length = random.Next(1, 200);
        random.NextBytes(packet.AsSpan(0, length));
        if (round % 4 == 0)
            return length;
        length = Math.Max(length, 8);
        BinaryPrimitives.WriteUInt16LittleEndian(packet, (ushort)random.Next(0, 24));
        BinaryPrimitives.WriteUInt16LittleEndian(packet.AsSpan(2), 0);
        if (round % 4 >= 2 && length >= 16)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(packet.AsSpan(8), _gofer.RootHandle);
            BinaryPrimitives.WriteUInt32LittleEndian(packet.AsSpan(12), (uint)random.Next(0, 4));
        }

        if (round % 4 == 3)
        {
            int tail = 16 + random.Next(0, 9) * 4;
            if (random.Next(2) == 0)
                packet.AsSpan(16, tail - 16).Clear();
            byte[] name = [1, 0, (byte)"dfgh"[random.Next(4)], 0];
            length = tail + 8;
            name.CopyTo(packet, tail);
            name.CopyTo(packet, tail + 4);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(packet.AsSpan(4), (uint)length);
        return length;
    }

    private static byte[] Body(uint first, uint second)
    {
        byte[] body = new byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(body, first);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(4), second);
        return body;
    }

    private static byte[] Request(GoferOperation operation, ReadOnlySpan<byte> body)
    {
        byte[] packet = new byte[Unsafe.SizeOf<RequestHeader>() + body.Length];
        BinaryPrimitives.WriteUInt16LittleEndian(packet, (ushort)operation);
        BinaryPrimitives.WriteUInt32LittleEndian(packet.AsSpan(4), (uint)packet.Length);
        body.CopyTo(packet.AsSpan(8));
        return packet;
    }

    private Errno Send(ReadOnlySpan<byte> packet)
    {
        Assert.False(HostSocket.Send(_gofer.RawSocket, packet).Failed(out _, out _));
        return ReceiveError();
    }

    private Errno ReceiveError()
    {
        byte[] reply = new byte[GoferLimits.MessageBytesMax];
        int[] fds = new int[4];
        Assert.False(HostSocket.Receive(_gofer.RawSocket, reply, fds).Failed(out ReceivedMessage received, out _));
        for (int i = 0; i < received.FdCount; i++)
            HostFile.Close(fds[i]);
        Assert.True(received.Length >= Unsafe.SizeOf<ReplyHeader>());
        return (Errno)BinaryPrimitives.ReadInt32LittleEndian(reply.AsSpan(8));
    }
}
