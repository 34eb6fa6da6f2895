using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Network.Packets;

/// <summary>
/// Bytes on their way through the network, shared by reference count: what a sender keeps for retransmission and what a
/// receiver has not read yet may be the same memory. Comes from a pool and goes back to it with the last reference.
/// </summary>
internal sealed class NetBuffer
{
    /// <summary>
    /// Sizes of buffers. A wire packet fits into the first; a segment over the loopback is at most the last.
    /// </summary>
    private const int SmallBytes = 2048, MediumBytes = 16384;

    public const int LargeBytes = 65536;

    private static readonly Pool _small = new(SmallBytes, 4096), _medium = new(MediumBytes, 512), _large = new(
        LargeBytes, 256);

    private readonly Pool _pool;
    private NetBuffer? _next; // In the pool.
    private int _references;

    private NetBuffer(Pool pool, int bytes) => (_pool, Bytes) = (pool, GC.AllocateUninitializedArray<byte>(bytes));

    public byte[] Bytes { get; }

    /// <summary>
    /// A buffer of at least that size (at most <see cref="LargeBytes"/>), with one reference for the caller.
    /// </summary>
    public static NetBuffer Rent(int bytes) =>
        (bytes <= SmallBytes ? _small : bytes <= MediumBytes ? _medium : _large).Rent();

    public NetBuffer AddReference()
    {
        Interlocked.Increment(ref _references);
        return this;
    }

    public void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0)
            _pool.Return(this);
    }

    /// <summary>Buffers of one size that nobody uses; a bounded number of them is kept.</summary>
    private sealed class Pool(int bytes, int most)
    {
        private readonly RankedLock _lock = new(LockRank.Buffers);
        private NetBuffer? _first; // Guarded by _lock.
        private int _count;

        public NetBuffer Rent()
        {
            NetBuffer? buffer;
            using (_lock.Enter())
            {
                buffer = _first;
                if (buffer is not null)
                {
                    _first = buffer._next;
                    _count--;
                }
            }

            buffer ??= new NetBuffer(this, bytes);
            buffer._next = null;
            buffer._references = 1;
            return buffer;
        }

        public void Return(NetBuffer buffer)
        {
            using (_lock.Enter())
            {
                if (_count >= most)
                    return;
                buffer._next = _first;
                _first = buffer;
                _count++;
            }
        }
    }
}
