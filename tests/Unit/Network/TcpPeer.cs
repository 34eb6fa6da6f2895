using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Network;
using Sandbox.Sentry.Network.Tcp;
using Xunit;

namespace Sandbox.UnitTests.Network;

/// <summary>
/// The other end of a connection, played by a test: it sends the segments the test says, and looks at those that come.
/// Sequence numbers are counted from each side's first.
/// </summary>
internal sealed class TcpPeer : ITcpWire, ITcpUser
{
    public const int Mtu = 1500, Segment = 1460;

    private const uint PeerInitial = 5000;
    private const ushort OwnPort = 4000, PeerPort = 80;

    private static readonly InetAddress _own = InetAddress.FromV4(0x0A000001), _peer = InetAddress.FromV4(0x0A000002);

    private readonly Queue<Sent> _sent = new();
    private Sequence _ownInitial;

    public TcpPeer() => Layer = new TcpLayer(Clock, this);

    public NetworkTestClock Clock { get; } = new();

    public TcpLayer Layer { get; }

    public TcpConnection Connection { get; private set; } = null!;

    public PollEvents Events { get; private set; }

    /// <summary>What the peer offers in its SYN and sends in every segment.</summary>
    public ushort Window { get; set; } = 65535;

    public bool UsesSacks { get; init; } = true;

    public readonly record struct Sent(TcpHeader Header, byte[] Data);

    public static InetEndpoint Own => new(_own, OwnPort);

    public TcpPath PathTo(InetAddress address) => new(Mtu, IsLocal: address == _own);

    public void Send(
        in TcpHeader header, InetAddress source, InetAddress destination, byte ttl, byte typeOfService,
        SliceQueue? queue, int offset,
        int length)
    {
        byte[] data = new byte[length];
        queue?.CopyTo(offset, data);
        _sent.Enqueue(new Sent(header, data));
    }

    public void OnTcpEvents(PollEvents events) => Events |= events;

    /// <summary>Both ends of a connection on our own host.</summary>
    public (TcpConnection Client, TcpConnection Server) OpenLocal()
    {
        TcpConnection listener = new(Layer, new TcpSettings(), InetAddress.AnyV4);
        Assert.Equal(Errno.Ok, listener.Bind(Own));
        Assert.Equal(Errno.Ok, listener.Listen(1));
        TcpConnection client = new(Layer, new TcpSettings { NoDelay = true }, InetAddress.AnyV4);
        Assert.Equal(Errno.Ok, client.Connect(_own, Own));
        Assert.False(listener.Accept().Failed(out TcpConnection? server, out _));
        return (client, server!);
    }

    /// <summary>A connection that our end opened.</summary>
    public TcpConnection Open(TcpSettings? settings = null)
    {
        BeginOpening(settings);
        Inject(TcpFlags.Syn | TcpFlags.Ack, 0, 1);
        Expect(TcpFlags.Ack, 1, 1, 0);
        Assert.Equal(TcpState.Established, Connection.State);
        return Connection;
    }

    /// <summary>Sends the first segment and looks at it.</summary>
    public TcpConnection BeginOpening(TcpSettings? settings = null)
    {
        Connection = new TcpConnection(Layer, settings ?? new TcpSettings { NoDelay = true }, InetAddress.AnyV4);
        Connection.SetUser(this);
        Assert.Equal(Errno.Ok, Connection.Bind(Own));
        Assert.Equal(Errno.Ok, Connection.Connect(_own, new InetEndpoint(_peer, PeerPort)));
        Sent syn = Next();
        Assert.Equal(TcpFlags.Syn, syn.Header.Flags);
        _ownInitial = syn.Header.Sequence;
        return Connection;
    }

    public TcpConnection Listen(int backlog = 1, TcpSettings? settings = null)
    {
        TcpConnection listener = new(Layer, settings ?? new TcpSettings { NoDelay = true }, InetAddress.AnyV4);
        Assert.Equal(Errno.Ok, listener.Bind(Own));
        Assert.Equal(Errno.Ok, listener.Listen(backlog));
        return listener;
    }

    /// <summary>Learns our end's first sequence number from a segment it sent.</summary>
    public Sent ExpectSynAck()
    {
        Sent answer = Next();
        Assert.Equal(TcpFlags.Syn | TcpFlags.Ack, answer.Header.Flags);
        _ownInitial = answer.Header.Sequence;
        return answer;
    }

    /// <summary>
    /// The peer sends a segment: its place in the peer's stream, what it acknowledges of ours, its bytes.
    /// </summary>
    public void Inject(
        TcpFlags flags, int sequence, int acknowledgment, string data = "", ushort port = PeerPort, ushort urgent = 0,
        params (int Start, int End)[] sacks)
    {
        TcpHeader header = new()
        {
            SourcePort = port, DestinationPort = OwnPort, Sequence = new Sequence(PeerInitial) + sequence,
                Flags = flags,
            Window = Window, WindowScale = TcpHeader.NoScale, UrgentPointer = urgent,
        };
        if ((flags & TcpFlags.Ack) != 0)
            header.Acknowledgment = _ownInitial + acknowledgment;
        if ((flags & TcpFlags.Syn) != 0)
            (header.MaxSegment, header.SackPermitted) = (Segment, UsesSacks);
        foreach ((int start, int end) in sacks)
            header.Sacks[header.SackCount++] = new SequenceRange(_ownInitial + start, _ownInitial + end);
        Layer.Deliver(TcpSegment.Rent(_peer, _own, header, Copy(data)));
        Delivery.Run();
    }

    public Sent Next()
    {
        Assert.True(_sent.Count > 0, "nothing was sent");
        return _sent.Dequeue();
    }

    /// <summary>Our end has sent this and nothing before it.</summary>
    public Sent Expect(TcpFlags flags, int sequence, int acknowledgment, int bytes)
    {
        Sent sent = Next();
        Assert.Equal(
            (flags, sequence, acknowledgment, bytes),
            (sent.Header.Flags & ~TcpFlags.Push, sent.Header.Sequence - _ownInitial,
                (flags & TcpFlags.Ack) == 0
                    ? acknowledgment
                    : sent.Header.Acknowledgment - new Sequence(PeerInitial), sent.Data.Length));
        return sent;
    }

    public void ExpectNothing() =>
        Assert.True(_sent.Count == 0, _sent.Count == 0
            ? ""
            : $"{_sent.Peek().Header.Flags} {_sent.Peek().Header.Sequence - _ownInitial}");

    public void ForgetSent() => _sent.Clear();

    public int SentCount => _sent.Count;

    public string Read()
    {
        byte[] buffer = new byte[100000];
        Result<int> result = Connection.Receive(buffer, isPeek: false);
        return result.Failed(out int count, out Errno error)
            ? error.ToString()
            : System.Text.Encoding.ASCII.GetString(buffer, 0, count);
    }

    public int Write(int bytes)
    {
        Result<int> result = Connection.Send(new byte[bytes], hasMore: false, isUrgent: false);
        Assert.False(result.Failed(out int count, out Errno error), error.ToString());
        return count;
    }

    private static ByteSlice Copy(string data)
    {
        if (data.Length == 0)
            return default;
        SharedBuffer buffer = SharedBuffer.Rent(data.Length);
        System.Text.Encoding.ASCII.GetBytes(data, buffer.Bytes);
        return new ByteSlice(buffer, 0, data.Length);
    }
}
