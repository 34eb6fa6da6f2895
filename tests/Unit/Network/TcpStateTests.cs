using Sandbox.Linux;
using Sandbox.Sentry.Network;
using Sandbox.Sentry.Network.Tcp;
using Xunit;

namespace Sandbox.UnitTests.Network;

/// <summary>The states of RFC 9293, 3.3.2: these segments come, those are sent.</summary>
public sealed class TcpStateTests
{
    private const long Millisecond = NetworkTestClock.Millisecond, Second = NetworkTestClock.Second;

    private readonly TcpPeer _peer = new();

    [Fact]
    public void It_opens_and_closes_first()
    {
        TcpConnection connection = _peer.Open();
        Assert.Equal(3, _peer.Write(3));
        _peer.Expect(TcpFlags.Ack, 1, 1, 3);
        _peer.Inject(TcpFlags.Ack, 1, 4, "hello");
        _peer.Expect(TcpFlags.Ack, 4, 6, 0);
        Assert.Equal("hello", _peer.Read());
        Assert.Equal(Errno.Ok, connection.Shutdown(isRead: false, isWrite: true));
        _peer.Expect(TcpFlags.Fin | TcpFlags.Ack, 4, 6, 0);
        Assert.Equal(TcpState.FinWait1, connection.State);
        _peer.Inject(TcpFlags.Ack, 6, 5);
        Assert.Equal(TcpState.FinWait2, connection.State);
        _peer.Inject(TcpFlags.Ack | TcpFlags.Fin, 6, 5);
        _peer.Expect(TcpFlags.Ack, 5, 7, 0);
        Assert.Equal(TcpState.TimeWait, connection.State);
        Assert.Equal("", _peer.Read());
        _peer.Clock.Advance(61 * Second);
        Assert.Equal(TcpState.Closed, connection.State);
    }

    [Fact]
    public void It_closes_second()
    {
        TcpConnection connection = _peer.Open();
        _peer.Inject(TcpFlags.Ack | TcpFlags.Fin, 1, 1, "bye");
        _peer.Expect(TcpFlags.Ack, 1, 5, 0);
        Assert.Equal(TcpState.CloseWait, connection.State);
        Assert.Equal("bye", _peer.Read());
        Assert.Equal("", _peer.Read());
        _peer.Write(1);
        _peer.Expect(TcpFlags.Ack, 1, 5, 1);
        connection.Close(isReset: false);
        _peer.Expect(TcpFlags.Fin | TcpFlags.Ack, 2, 5, 0);
        Assert.Equal(TcpState.LastAck, connection.State);
        _peer.Inject(TcpFlags.Ack, 5, 3);
        Assert.Equal(TcpState.Closed, connection.State);
    }

    [Fact]
    public void Both_close_at_once()
    {
        TcpConnection connection = _peer.Open();
        connection.Shutdown(isRead: false, isWrite: true);
        _peer.Expect(TcpFlags.Fin | TcpFlags.Ack, 1, 1, 0);
        _peer.Inject(TcpFlags.Ack | TcpFlags.Fin, 1, 1);
        _peer.Expect(TcpFlags.Ack, 2, 2, 0);
        Assert.Equal(TcpState.Closing, connection.State);
        _peer.Inject(TcpFlags.Ack, 2, 2);
        Assert.Equal(TcpState.TimeWait, connection.State);
    }

    [Fact]
    public void Both_open_at_once()
    {
        TcpConnection connection = _peer.BeginOpening();
        _peer.Inject(TcpFlags.Syn, 0, 0);
        _peer.Expect(TcpFlags.Syn | TcpFlags.Ack, 0, 1, 0);
        Assert.Equal(TcpState.SynReceived, connection.State);
        _peer.Inject(TcpFlags.Ack, 1, 1);
        Assert.Equal(TcpState.Established, connection.State);
    }

    [Fact]
    public void A_listener_makes_children_and_resets_strangers()
    {
        TcpConnection listener = _peer.Listen();
        _peer.Inject(TcpFlags.Ack, 7, 9);
        Assert.Equal(TcpFlags.Reset, _peer.Next().Header.Flags);
        _peer.Inject(TcpFlags.Syn, 0, 0);
        _peer.ExpectSynAck();
        Assert.Equal(Errno.EAGAIN, listener.Accept().Error);
        _peer.Inject(TcpFlags.Ack, 1, 1, "first");
        _peer.Expect(TcpFlags.Ack, 1, 6, 0);
        Assert.False(listener.Accept().Failed(out TcpConnection? child, out _));
        Assert.Equal(TcpState.Established, child!.State);
        Assert.Equal(5, child.BytesReadable);
    }

    [Fact]
    public void A_listener_whose_queue_is_full_lets_others_wait()
    {
        TcpConnection listener = _peer.Listen(backlog: 0);
        for (ushort port = 100; port < 103; port++)
        {
            _peer.Inject(TcpFlags.Syn, 0, 0, port: port);
            if (port == 100)
            {
                _peer.ExpectSynAck();
                _peer.Inject(TcpFlags.Ack, 1, 1, port: port);
            }
        }

        _peer.ExpectNothing();
        Assert.Equal((1, 0), listener.AcceptCounts);
    }

    [Fact]
    public void A_deferred_listener_waits_for_bytes()
    {
        TcpConnection listener = _peer.Listen(settings: new TcpSettings { DeferAccept = 5 });
        _peer.Inject(TcpFlags.Syn, 0, 0);
        _peer.ExpectSynAck();
        _peer.Inject(TcpFlags.Ack, 1, 1);
        Assert.Equal(0, listener.AcceptCounts.Waiting);
        _peer.Inject(TcpFlags.Ack, 1, 1, "GET");
        Assert.Equal(1, listener.AcceptCounts.Waiting);
    }

    [Fact]
    public void A_refused_connection_says_so_and_may_be_tried_again()
    {
        TcpConnection connection = _peer.BeginOpening();
        _peer.Inject(TcpFlags.Reset, 0, 0);
        Assert.Equal(TcpState.SynSent, connection.State); // Without an acknowledgment anybody could have sent it.
        _peer.Inject(TcpFlags.Reset | TcpFlags.Ack, 0, 1);
        Assert.Equal(TcpState.Closed, connection.State);
        Assert.Equal(Errno.ECONNREFUSED, connection.TakeError());
        Assert.Equal(Errno.Ok, connection.TakeError());
        Assert.Equal(Errno.Ok, connection.Connect(TcpPeer.Own.Address, connection.Remote));
    }

    [Fact]
    public void Nobody_answers()
    {
        TcpConnection connection = _peer.BeginOpening(new TcpSettings { SynRetries = 2 });
        _peer.Clock.Advance(Second + Millisecond);
        _peer.Expect(TcpFlags.Syn, 0, 0, 0);
        _peer.Clock.Advance(2 * Second);
        _peer.Expect(TcpFlags.Syn, 0, 0, 0);
        _peer.Clock.Advance(4 * Second);
        Assert.Equal(Errno.ETIMEDOUT, connection.TakeError());
        Assert.Equal(TcpState.Closed, connection.State);
    }

    [Fact]
    public void Only_a_reset_at_the_exact_place_ends_it()
    {
        TcpConnection connection = _peer.Open();
        _peer.Inject(TcpFlags.Reset, 100, 0);
        _peer.Expect(TcpFlags.Ack, 1, 1, 0);
        Assert.Equal(TcpState.Established, connection.State);
        _peer.Inject(TcpFlags.Reset, 1, 0);
        Assert.Equal(TcpState.Closed, connection.State);
        Assert.Equal("ECONNRESET", _peer.Read());
        Assert.Equal("", _peer.Read());
        Assert.Equal(Errno.EPIPE, connection.Send("x"u8, false, false).Error);
        Assert.True((connection.Poll() & PollEvents.HangUp) != 0);
    }

    [Fact]
    public void A_syn_within_a_connection_is_asked_about()
    {
        _peer.Open();
        _peer.Inject(TcpFlags.Syn, 10, 0);
        _peer.Expect(TcpFlags.Ack, 1, 1, 0);
        _peer.Inject(TcpFlags.Syn, 10, 0);
        _peer.ExpectNothing(); // Not at any rate a peer likes.
    }

    [Fact]
    public void Unread_bytes_reset_the_peer_at_close()
    {
        TcpConnection connection = _peer.Open();
        _peer.Inject(TcpFlags.Ack, 1, 1, "unread");
        _peer.Expect(TcpFlags.Ack, 1, 7, 0);
        connection.Close(isReset: false);
        _peer.Expect(TcpFlags.Reset | TcpFlags.Ack, 1, 7, 0);
        Assert.Equal(TcpState.Closed, connection.State);
    }

    [Fact]
    public void Bytes_for_a_closed_socket_reset_the_peer()
    {
        TcpConnection connection = _peer.Open();
        connection.Close(isReset: false);
        _peer.Expect(TcpFlags.Fin | TcpFlags.Ack, 1, 1, 0);
        _peer.Inject(TcpFlags.Ack, 1, 2, "too late");
        _peer.Expect(TcpFlags.Reset | TcpFlags.Ack, 2, 1, 0);
        Assert.Equal(TcpState.Closed, connection.State);
    }

    [Fact]
    public void A_peer_that_never_closes_is_left()
    {
        TcpConnection connection = _peer.Open();
        connection.Close(isReset: false);
        _peer.Inject(TcpFlags.Ack, 1, 2);
        Assert.Equal(TcpState.FinWait2, connection.State);
        _peer.Clock.Advance(61 * Second);
        Assert.Equal(TcpState.Closed, connection.State);
    }

    [Fact]
    public void A_new_connection_takes_the_place_of_one_that_waits()
    {
        TcpConnection first = _peer.Open();
        first.Shutdown(isRead: false, isWrite: true);
        _peer.Inject(TcpFlags.Ack | TcpFlags.Fin, 1, 2);
        Assert.Equal(TcpState.TimeWait, first.State);
        _peer.ForgetSent();
        _peer.Inject(TcpFlags.Syn, 1000, 0);
        Assert.Equal(TcpState.Closed, first.State);
        Assert.Equal(TcpFlags.Reset | TcpFlags.Ack, _peer.Next().Header.Flags); // Nobody listens.
    }

    [Fact]
    public void It_connects_to_itself()
    {
        TcpConnection connection = new(_peer.Layer, new TcpSettings { NoDelay = true }, InetAddress.AnyV4);
        Assert.Equal(Errno.Ok, connection.Bind(TcpPeer.Own));
        Assert.Equal(Errno.Ok, connection.Connect(TcpPeer.Own.Address, TcpPeer.Own));
        Assert.Equal(TcpState.Established, connection.State);
        Assert.False(connection.Send("echo"u8, false, false).Failed(out _, out _));
        Assert.Equal(4, connection.BytesReadable);
        connection.Close(isReset: true);
        Assert.Equal(TcpState.Closed, connection.State);
    }

    [Fact]
    public void Keep_alive_finds_a_dead_peer()
    {
        TcpConnection connection = _peer.Open(
            new TcpSettings { KeepAlive = true, KeepIdle = 10, KeepInterval = 2, KeepCount = 2 });
        _peer.Clock.Advance(10 * Second);
        _peer.Expect(TcpFlags.Ack, 0, 1, 0);
        _peer.Inject(TcpFlags.Ack, 1, 1);
        _peer.Clock.Advance(9 * Second);
        _peer.ExpectNothing();
        _peer.Clock.Advance(4 * Second);
        _peer.Expect(TcpFlags.Ack, 0, 1, 0);
        _peer.Expect(TcpFlags.Ack, 0, 1, 0);
        _peer.Clock.Advance(2 * Second);
        Assert.Equal(Errno.ETIMEDOUT, connection.TakeError());
    }
}
