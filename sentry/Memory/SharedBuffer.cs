using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Memory;

/// <summary>
/// Bytes on their way through the network, shared by reference count: what a sender keeps for retransmission and what a
/// receiver has not read yet may be the same memory. Comes from a pool and goes back to it with the last reference;
/// a thread keeps one small one for itself.
/// </summary>
internal sealed class SharedBuffer
{
    /// <summary>
    /// Sizes of buffers. A wire packet fits into the first; a segment over the loopback is at most the last.
    /// </summary>
    private const int SmallBytes = 2048, MediumBytes = 16384;

    public const int LargeBytes = 65536;

    private static readonly Pool _small = new(SmallBytes, 4096), _medium = new(MediumBytes, 512), _large = new(
        LargeBytes, 256);

    [ThreadStatic]
    private static SharedBuffer? _mine;

    private readonly Pool _pool;
    private SharedBuffer? _next; // In the pool.
    private int _references;

    private SharedBuffer(Pool pool, int bytes) => (_pool, Bytes) = (pool, GC.AllocateUninitializedArray<byte>(bytes));

    public byte[] Bytes { get; }

    /// <summary>
    /// A buffer of at least that size (at most <see cref="LargeBytes"/>), with one reference for the caller.
    /// </summary>
    public static SharedBuffer Rent(int bytes) =>
        (bytes <= SmallBytes ? _small : bytes <= MediumBytes ? _medium : _large).Rent();

    public SharedBuffer AddReference()
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
        private SharedBuffer? _first; // Guarded by _lock.
        private int _count;

        public SharedBuffer Rent()
        {
            SharedBuffer? buffer = _mine;
            if (buffer?._pool == this)
            {
                (_mine, buffer._references) = (null, 1);
                return buffer;
            }

            using (_lock.Enter())
            {
                buffer = _first;
                if (buffer is not null)
                {
                    _first = buffer._next;
                    _count--;
                }
            }

            buffer ??= new SharedBuffer(this, bytes);
            buffer._next = null;
            buffer._references = 1;
            return buffer;
        }

        public void Return(SharedBuffer buffer)
        {
            if (_mine is null && bytes == SmallBytes)
            {
                _mine = buffer;
                return;
            }

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
