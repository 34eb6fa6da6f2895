using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Network.Tcp;

/// <summary>
/// A segment on its way to a connection of ours. Pooled, each thread keeps the one it gave back last for itself; holds
/// a reference of its buffer.
/// </summary>
internal sealed class TcpSegment
{
    private const int MaxPooled = 4096;

    private static readonly RankedLock _lock = new(LockRank.Buffers);
    private static TcpSegment? _pool; // Guarded by _lock.
    private static int _pooled;

    [ThreadStatic]
    private static TcpSegment? _mine;

    public TcpHeader Header;

    public TcpSegment? Next { get; set; }

    public InetAddress Source { get; private set; }

    public InetAddress Destination { get; private set; }

    public ByteSlice Data { get; private set; }

    public InetEndpoint From => new(Source, Header.SourcePort);

    public InetEndpoint To => new(Destination, Header.DestinationPort);

    /// <summary>Sequence numbers it takes up.</summary>
    public int SequenceLength => Header.SequenceLength(Data.Length);

    /// <summary>A segment; takes over one reference of the data's buffer.</summary>
    public static TcpSegment Rent(InetAddress source, InetAddress destination, in TcpHeader header, ByteSlice data)
    {
        TcpSegment segment = _mine ?? TakePooled();
        _mine = null;
        (segment.Source, segment.Destination, segment.Header, segment.Data, segment.Next) =
            (source, destination, header, data, null);
        return segment;
    }

    /// <summary>The same again, with a reference of its own.</summary>
    public TcpSegment Copy() =>
        Rent(Source, Destination, Header, Data.Buffer is null
            ? default
            : Data with { Buffer = Data.Buffer.AddReference() });

    public void Return()
    {
        Data.Buffer?.Release();
        Data = default;
        if (_mine is null)
        {
            _mine = this;
            return;
        }

        using (_lock.Enter())
        {
            if (_pooled >= MaxPooled)
                return;
            Next = _pool;
            _pool = this;
            _pooled++;
        }
    }

    private static TcpSegment TakePooled()
    {
        using (_lock.Enter())
        {
            if (_pool is not { } segment)
                return new TcpSegment();
            _pool = segment.Next;
            _pooled--;
            return segment;
        }
    }
}
