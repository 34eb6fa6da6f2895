using System.Buffers;
using Sandbox.Linux;

namespace Sandbox.Sentry.Kernel.PosixQueues;

/// <summary>
/// A message, mostly in a buffer of the shared pool. It has one owner at a time, who hands it on or frees it.
/// </summary>
internal readonly struct QueueMessage
{
    /// <summary>Longer ones are left to the collector: the pool would keep many of them for nobody.</summary>
    private const int MaxPooledBytes = 1 << 16;

    private readonly byte[] _buffer;
    private readonly int _length;

    private QueueMessage(uint priority, byte[] buffer, int length) =>
        (Priority, _buffer, _length) = (priority, buffer, length);

    public uint Priority { get; }

    public Span<byte> Text => _buffer.AsSpan(0, _length);

    /// <summary>What it costs of <see cref="QueueMemory"/>, bytes.</summary>
    public long Cost => QueueMemory.CostOf(_length);

    /// <summary>A message whose text is still to be filled in. ENOMEM if the sandbox holds too many.</summary>
    public static Result<QueueMessage> Make(uint priority, int length)
    {
        if (!QueueMemory.TryTake(length) && !(Memory.CollectedCharge.Reclaim() && QueueMemory.TryTake(length)))
            return Errno.ENOMEM;
        byte[] buffer = length is > 0 and <= MaxPooledBytes ? ArrayPool<byte>.Shared.Rent(length) : new byte[length];
        return new QueueMessage(priority, buffer, length);
    }

    public void Free()
    {
        QueueMemory.Return(Cost);
        ReturnBuffer();
    }

    /// <summary>As <see cref="Free"/>, for a message whose cost is given back with its queue's.</summary>
    public void ReturnBuffer()
    {
        if (_length is > 0 and <= MaxPooledBytes)
            ArrayPool<byte>.Shared.Return(_buffer);
    }
}
