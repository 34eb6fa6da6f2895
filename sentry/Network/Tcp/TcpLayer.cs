using System.Diagnostics.CodeAnalysis;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Network.Tcp;

/// <summary>
/// TCP of one network namespace: finds whose an arriving segment is, and hands segments between connections of this
/// host by reference, without bytes of headers in between.
/// </summary>
internal sealed class TcpLayer(INetworkClock clock, ITcpWire wire)
{
    private const long InitialSequenceTick = 4000; // RFC 9293, 3.4.1: about every 4 microseconds.

    /// <summary>
    /// Connections without a program, most in TIME-WAIT (net.ipv4.tcp_max_tw_buckets and tcp_max_orphans).
    /// </summary>
    private const int MaxAbandoned = 65536;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    private readonly Dictionary<TcpTuple, TcpConnection> _connections = []; // Guarded by _lock.
    private readonly int _secret = Random.Shared.Next();
    private int _abandoned;

    public INetworkClock Clock => clock;

    public PortTable Ports { get; } = new();

    /// <summary>Lists a connection by both its ends; false if those are taken.</summary>
    public bool TryAdd(TcpConnection connection)
    {
        using (_lock.Enter())
            return _connections.TryAdd(new TcpTuple(connection.Local, connection.Remote), connection);
    }

    public void Remove(TcpConnection connection)
    {
        TcpTuple tuple = new(connection.Local, connection.Remote);
        using (_lock.Enter())
        {
            if (_connections.TryGetValue(tuple, out TcpConnection? listed) && listed == connection)
                _connections.Remove(tuple);
        }
    }

    /// <summary>Also under the lock of the table of ports.</summary>
    public bool TryFind(InetEndpoint local, InetEndpoint remote, [NotNullWhen(true)] out TcpConnection? connection)
    {
        using (_lock.EnterNested())
            return _connections.TryGetValue(new TcpTuple(local, remote), out connection);
    }

    /// <summary>Counts a connection that its program has left; false if there are too many of them.</summary>
    public bool TryKeep()
    {
        if (Interlocked.Increment(ref _abandoned) <= MaxAbandoned)
            return true;
        Forget();
        return false;
    }

    /// <summary>Such a connection has ended.</summary>
    public void Forget() => Interlocked.Decrement(ref _abandoned);

    /// <summary>All connections that are not listeners, for /proc/net.</summary>
    public TcpConnection[] All
    {
        get
        {
            using (_lock.Enter())
                return [.. _connections.Values];
        }
    }

    public TcpPath PathTo(InetAddress address) => wire.PathTo(address);

    /// <summary>
    /// Where a new stream begins: beyond what an earlier connection of the same ends used. Between sockets of one host
    /// nobody forges segments; a wire will need a hash with a key (RFC 6528).
    /// </summary>
    public Sequence InitialSequence(InetEndpoint local, InetEndpoint remote) =>
        new((uint)HashCode.Combine(local, remote, _secret) + (uint)(clock.Now / InitialSequenceTick));

    public static uint NextTimestampOffset() => (uint)Random.Shared.Next();

    /// <summary>
    /// Gives an arriving segment, which belongs to the layer now, to its connection or listener;
    /// or answers with a reset.
    /// </summary>
    public void Deliver(TcpSegment segment)
    {
        if (TryFind(segment.To, segment.From, out TcpConnection? connection)
            || (connection = Ports.FindListener(segment.To, segment.From) as TcpConnection) is not null)
        {
            connection.Arrive(segment);
            return;
        }

        RejectSegment(segment);
        segment.Return();
    }

    /// <summary>Nobody wants it: a reset that the sender takes for true (RFC 9293, 3.5.2).</summary>
    public void RejectSegment(TcpSegment segment)
    {
        ref TcpHeader header = ref segment.Header;
        if (header.Has(TcpFlags.Reset) || segment.Source.IsMulticast || segment.Source.IsAny)
            return;
        TcpHeader reset = new()
        {
            SourcePort = header.DestinationPort, DestinationPort = header.SourcePort, WindowScale = TcpHeader.NoScale,
        };
        if (header.Has(TcpFlags.Ack))
        {
            (reset.Sequence, reset.Flags) = (header.Acknowledgment, TcpFlags.Reset);
        }
        else
        {
            reset.Acknowledgment = header.Sequence + segment.SequenceLength;
            reset.Flags = TcpFlags.Reset | TcpFlags.Ack;
        }

        const byte ttl = 64;
        if (wire.PathTo(segment.Source).IsLocal)
            Deliver(TcpSegment.Rent(segment.Destination, segment.Source, reset, default));
        else
            wire.Send(reset, segment.Destination, segment.Source, ttl, 0, null, 0, 0);
    }

    /// <summary>Sends a segment with some bytes of a queue.</summary>
    public void Transmit(
        TcpConnection from, TcpPath path, in TcpHeader header, SliceQueue queue, int offset, int length)
    {
        if (path.IsLocal)
        {
            TcpSegment segment = TcpSegment.Rent(
                from.Local.Address, from.Remote.Address, header, Share(queue, offset, length));
            if (from.LocalPeer is { } peer)
            {
                peer.Arrive(segment);
                return;
            }

            if (TryFind(from.Remote, from.Local, out TcpConnection? found))
                from.LocalPeer = found;
            Deliver(segment);
            return;
        }

        wire.Send(
            header, from.Local.Address, from.Remote.Address, from.Settings.Ttl, from.Settings.TypeOfService, queue,
            offset, length);
    }

    /// <summary>The bytes themselves if they lie together, else a copy; with a reference for the segment.</summary>
    private static ByteSlice Share(SliceQueue queue, int offset, int length)
    {
        if (length == 0)
            return default;
        ByteSlice slice = queue.Slice(offset, length);
        if (slice.Length == length)
        {
            slice.Buffer!.AddReference();
            return slice;
        }

        SharedBuffer copy = SharedBuffer.Rent(length);
        int copied = queue.CopyTo(offset, copy.Bytes.AsSpan(0, length));
        return new ByteSlice(copy, 0, copied);
    }

    private readonly record struct TcpTuple(InetEndpoint Local, InetEndpoint Remote);
}

/// <summary>What TCP needs of the network below it.</summary>
internal interface ITcpWire
{
    TcpPath PathTo(InetAddress address);

    /// <summary>Sends a segment with some bytes of a queue; it may be lost.</summary>
    void Send(
        in TcpHeader header, InetAddress source, InetAddress destination, byte ttl, byte typeOfService,
        SliceQueue? queue, int offset,
        int length);
}
