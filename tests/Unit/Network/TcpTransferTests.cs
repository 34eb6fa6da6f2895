using Sandbox.Linux;
using Sandbox.Sentry.Network;
using Sandbox.Sentry.Network.Tcp;
using Xunit;

namespace Sandbox.UnitTests.Network;

/// <summary>Bytes over a connection: windows, losses, order (RFC 9293, 3.8; RFC 5681; RFC 6298; RFC 6675).</summary>
public sealed class TcpTransferTests
{
    private const long Millisecond = NetworkTestClock.Millisecond, Second = NetworkTestClock.Second;
    private const int Segment = TcpPeer.Segment;

    private readonly TcpPeer _peer = new();

    [Fact]
    public void Small_writes_wait_for_an_acknowledgment_unless_told_otherwise()
    {
        TcpConnection connection = _peer.Open(new TcpSettings());
        _peer.Write(10);
        _peer.Expect(TcpFlags.Ack, 1, 1, 10);
        _peer.Write(10);
        _peer.Write(10);
        _peer.ExpectNothing();
        _peer.Inject(TcpFlags.Ack, 1, 11);
        _peer.Expect(TcpFlags.Ack, 11, 1, 20);
        _peer.Write(5);
        _peer.ExpectNothing();
        connection.Settings.NoDelay = true;
        connection.Push();
        _peer.Expect(TcpFlags.Ack, 31, 1, 5);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(1400)]
    [InlineData(65536)]
    public void A_transfer_on_one_host_allocates_nothing(int bytes)
    {
        (TcpConnection client, TcpConnection server) = _peer.OpenLocal();
        byte[] data = new byte[bytes], room = new byte[bytes];
        long least = long.MaxValue;
        for (int attempt = 0; attempt < 20; attempt++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int call = 0; call < 50; call++)
            {
                Assert.False(client.Send(data, hasMore: false, isUrgent: false).Failed(out int sent, out _));
                for (int read = 0; read < sent;)
                {
                    Assert.False(server.Receive(room, isPeek: false).Failed(out int count, out _));
                    read += count;
                }
            }

            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.Equal(0, least);
    }

    [Fact]
    public void A_cork_holds_back_what_is_no_full_segment()
    {
        TcpConnection connection = _peer.Open(new TcpSettings { Cork = true });
        _peer.Write(100);
        _peer.ExpectNothing();
        _peer.Write(Segment);
        _peer.Expect(TcpFlags.Ack, 1, 1, Segment);
        connection.Settings.Cork = false;
        _peer.Inject(TcpFlags.Ack, 1, 1 + Segment);
        _peer.Expect(TcpFlags.Ack, 1 + Segment, 1, 100);
    }

    [Fact]
    public void A_closed_window_is_asked_about_until_it_opens()
    {
        _peer.Open();
        _peer.Window = 0;
        _peer.Write(100);
        _peer.Expect(TcpFlags.Ack, 1, 1, 100);
        _peer.Inject(TcpFlags.Ack, 1, 101);
        _peer.Write(50);
        _peer.ExpectNothing();
        _peer.Clock.Advance(2 * Second);
        _peer.Expect(TcpFlags.Ack, 100, 1, 0);

        // For as long as it answers, the peer may take its time.
        for (int seconds = 0; seconds < 7200; seconds++)
        {
            if (_peer.SentCount > 0)
                _peer.Inject(TcpFlags.Ack, 1, 101);
            _peer.ForgetSent();
            _peer.Clock.Advance(Second);
        }

        Assert.Equal(TcpState.Established, _peer.Connection.State);
        _peer.ForgetSent();
        _peer.Window = 1000;
        _peer.Inject(TcpFlags.Ack, 1, 101);
        _peer.Expect(TcpFlags.Ack, 101, 1, 50);
    }

    [Fact]
    public void Our_window_closes_and_opens_with_what_is_read()
    {
        TcpConnection connection = _peer.Open(
            new TcpSettings { ReceiveBuffer = 4 * Segment, IsReceiveBufferAutomatic = false });
        string full = new('x', Segment);
        int place = 1;
        for (int count = 0; count < 4; count++, place += Segment)
            _peer.Inject(TcpFlags.Ack, place, 1, full);
        TcpPeer.Sent last = default;
        while (_peer.SentCount > 0)
            last = _peer.Next();
        Assert.Equal(0, last.Header.Window);
        _peer.Inject(TcpFlags.Ack, place, 1, full);
        Assert.Equal(4 * Segment, connection.BytesReadable);
        _peer.ForgetSent();
        Assert.Equal(4 * Segment, _peer.Read().Length);
        Assert.Equal(4 * Segment, _peer.Next().Header.Window);
    }

    [Fact]
    public void Bytes_that_come_out_of_turn_are_reported_and_put_in_order()
    {
        _peer.Open();
        _peer.Inject(TcpFlags.Ack, 4, 1, "def");
        TcpPeer.Sent report = _peer.Expect(TcpFlags.Ack, 1, 1, 0);
        Assert.Equal(1, report.Header.SackCount);
        Assert.Equal(3, report.Header.Sacks[0].Length);
        Assert.Equal("EAGAIN", _peer.Read());
        _peer.Inject(TcpFlags.Ack | TcpFlags.Fin, 7, 1, "g");
        _peer.ForgetSent();
        _peer.Inject(TcpFlags.Ack, 1, 1, "abcd");
        _peer.Expect(TcpFlags.Ack, 1, 9, 0);
        Assert.Equal("abcdefg", _peer.Read());
        Assert.Equal("", _peer.Read());
    }

    [Fact]
    public void A_lost_segment_is_sent_again_after_three_duplicates()
    {
        _peer.Open();
        _peer.Write(6 * Segment);
        for (int count = 0; count < 6; count++)
            _peer.Expect(TcpFlags.Ack, 1 + (count * Segment), 1, Segment);
        for (int count = 2; count <= 4; count++)
        {
            _peer.ExpectNothing();
            _peer.Inject(TcpFlags.Ack, 1, 1, sacks: (1 + Segment, 1 + (count * Segment)));
        }

        _peer.Expect(TcpFlags.Ack, 1, 1, Segment);
        _peer.ExpectNothing();
        _peer.Inject(TcpFlags.Ack, 1, 1 + (6 * Segment));
        Assert.Equal(0, _peer.Connection.BytesUnacknowledged);
    }

    [Fact]
    public void Without_reports_each_partial_acknowledgment_sends_the_next()
    {
        TcpPeer peer = new() { UsesSacks = false };
        peer.Open();
        peer.Write(6 * Segment);
        peer.ForgetSent();
        for (int count = 0; count < 3; count++)
            peer.Inject(TcpFlags.Ack, 1, 1);
        peer.Expect(TcpFlags.Ack, 1, 1, Segment);
        peer.Inject(TcpFlags.Ack, 1, 1 + Segment);
        peer.Expect(TcpFlags.Ack, 1 + Segment, 1, Segment);
        peer.Inject(TcpFlags.Ack, 1, 1 + (6 * Segment));
        peer.ExpectNothing();
    }

    [Fact]
    public void Silence_doubles_the_time_out_and_ends_it_at_last()
    {
        TcpConnection connection = _peer.Open();
        _peer.Write(10);
        _peer.Expect(TcpFlags.Ack, 1, 1, 10);
        _peer.Clock.Advance(201 * Millisecond);
        _peer.Expect(TcpFlags.Ack, 1, 1, 10);
        _peer.Clock.Advance(398 * Millisecond);
        _peer.ExpectNothing();
        _peer.Clock.Advance(2 * Millisecond);
        _peer.Expect(TcpFlags.Ack, 1, 1, 10);
        _peer.Clock.Advance(3600 * Second);
        Assert.Equal(Errno.ETIMEDOUT, connection.TakeError());
    }

    [Fact]
    public void A_user_time_out_ends_it_sooner()
    {
        TcpConnection connection = _peer.Open(new TcpSettings { NoDelay = true, UserTimeout = 1000 });
        _peer.Write(10);
        _peer.Clock.Advance(3 * Second);
        Assert.Equal(Errno.ETIMEDOUT, connection.TakeError());
    }

    [Fact]
    public void A_fin_is_sent_again_with_the_bytes_before_it()
    {
        TcpConnection connection = _peer.Open();
        _peer.Write(3);
        connection.Shutdown(isRead: false, isWrite: true);
        _peer.Expect(TcpFlags.Ack, 1, 1, 3);
        _peer.Expect(TcpFlags.Ack | TcpFlags.Fin, 4, 1, 0);
        _peer.Clock.Advance(Second);
        _peer.Expect(TcpFlags.Ack | TcpFlags.Fin, 1, 1, 3);
    }

    [Fact]
    public void The_window_grows_from_ten_segments()
    {
        TcpConnection connection = _peer.Open();
        _peer.Write(40 * Segment);
        Assert.Equal(10, _peer.SentCount);
        _peer.ForgetSent();
        _peer.Inject(TcpFlags.Ack, 1, 1 + (2 * Segment));
        Assert.Equal(4, _peer.SentCount);
        Assert.Equal(38 * Segment, connection.BytesUnacknowledged);
    }

    [Fact]
    public void The_urgent_byte_is_read_beside_the_stream()
    {
        TcpConnection connection = _peer.Open();
        _peer.Inject(TcpFlags.Ack | TcpFlags.Urgent, 1, 1, "abX", urgent: 3);
        _peer.Inject(TcpFlags.Ack, 4, 1, "cd");
        Assert.True((connection.Poll() & PollEvents.Priority) != 0);
        Assert.Equal("ab", _peer.Read());
        Assert.True(connection.IsAtMark);
        byte[] urgent = new byte[1];
        Assert.False(connection.ReceiveUrgent(urgent, isPeek: false).Failed(out _, out _));
        Assert.Equal((byte)'X', urgent[0]);
        Assert.Equal("cd", _peer.Read());
        Assert.Equal(Errno.EINVAL, connection.ReceiveUrgent(urgent, isPeek: false).Error);
    }

    [Fact]
    public void A_listener_and_a_client_of_one_host_talk_without_a_wire()
    {
        TcpConnection listener = _peer.Listen(), client = new(
            _peer.Layer, new TcpSettings { NoDelay = true }, InetAddress.AnyV4);
        Assert.Equal(Errno.Ok, client.Connect(TcpPeer.Own.Address, TcpPeer.Own));
        Assert.Equal(TcpState.Established, client.State);
        Assert.False(listener.Accept().Failed(out TcpConnection? server, out _));
        byte[] sent = new byte[3_000_000], received = new byte[sent.Length];
        Random.Shared.NextBytes(sent);
        int written = 0, read = 0;
        while (read < sent.Length)
        {
            if (!client.Send(sent.AsSpan(written), false, false).Failed(out int count, out _))
                written += count;
            Assert.False(server!.Receive(
                received.AsSpan(read), isPeek: false).Failed(out count, out Errno error), error.ToString());
            read += count;
        }

        Assert.Equal(sent, received);
        client.Close(isReset: false);
        Assert.Equal(TcpState.CloseWait, server!.State);
        server.Close(isReset: false);
        Assert.Equal((TcpState.TimeWait, TcpState.Closed), (client.State, server.State));
        _peer.ExpectNothing();
    }
}
