using Sandbox.Linux;

namespace Sandbox.Sentry.Memory;

/// <summary>
/// A bounded queue of bytes whose storage grows with what is in it. The storage is outside the garbage collected heap
/// and charged to an account. Not synchronised: its owner's lock guards it.
/// </summary>
internal sealed class ByteRing(int capacity, MemoryAccount account)
{
    private const int FirstBytes = 4096;

    private NativeBlock _block;
    private int _start;

    /// <summary>The most it may hold, bytes.</summary>
    public int Capacity { get; private set; } = capacity;

    /// <summary>Bytes held.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes that still fit; may be negative after the capacity was lowered.</summary>
    public int Free => Capacity - Count;

    public bool IsEmpty => Count == 0;

    /// <summary>Changes the capacity; what is held stays, even if it is more.</summary>
    public void SetCapacity(int capacity) => Capacity = capacity;

    /// <summary>
    /// Appends as much as fits and gives the number of bytes. ENOMEM if there is no memory for what would fit: then
    /// nothing was appended.
    /// </summary>
    public Result<int> Write(ReadOnlySpan<byte> source)
    {
        int count = Math.Min(source.Length, Math.Max(0, Free));
        if (count == 0)
            return 0;
        if (_block.Capacity < Count + count && Grow(Count + count) is not Errno.Ok and Errno error)
            return error;
        Span<byte> bytes = _block.Span;
        int end = _start + Count;
        if (end >= bytes.Length)
            end -= bytes.Length;
        int first = Math.Min(count, bytes.Length - end);
        source[..first].CopyTo(bytes[end..]);
        source[first..count].CopyTo(bytes);
        Count += count;
        return count;
    }

    /// <summary>Takes bytes out and gives their number.</summary>
    public int Read(Span<byte> destination)
    {
        int count = Peek(destination, 0);
        Skip(count);
        return count;
    }

    /// <summary>Copies bytes from <paramref name="offset"/> on without taking them out.</summary>
    public int Peek(Span<byte> destination, int offset)
    {
        int count = Math.Min(destination.Length, Count - offset);
        if (count <= 0)
            return 0;
        Span<byte> bytes = _block.Span;
        int at = _start + offset;
        if (at >= bytes.Length)
            at -= bytes.Length;
        int first = Math.Min(count, bytes.Length - at);
        bytes.Slice(at, first).CopyTo(destination);
        bytes[..(count - first)].CopyTo(destination[first..]);
        return count;
    }

    /// <summary>Drops bytes from the front.</summary>
    public void Skip(int count)
    {
        Count -= count;
        _start += count;
        if (_start >= _block.Capacity)
            _start -= _block.Capacity;
        if (Count > 0)
            return;
        _start = 0; // An empty ring starts over, so that small messages always touch the same cache lines.
        if (_block.Capacity > 4 * FirstBytes)
            Clear(); // An idle pipe that was once full keeps no big buffer.
    }

    /// <summary>Drops everything and gives the storage back.</summary>
    public void Clear()
    {
        (Count, _start) = (0, 0);
        FreeBlock(_block);
        _block = default;
    }

    private Errno Grow(int needed)
    {
        int size = Math.Max(FirstBytes, Math.Max(needed, Math.Min(_block.Capacity * 2, Capacity)));
        size = NativeArena.CapacityFor(size);
        if (!account.TryCharge(MemoryKind.Buffers, size))
            return Errno.ENOMEM;
        if (NativeArena.Allocate(size, isCleared: false).Failed(out NativeBlock larger, out Errno error))
        {
            account.Return(MemoryKind.Buffers, size);
            return error;
        }

        int count = Peek(larger.Span, 0);
        FreeBlock(_block);
        (_block, _start, Count) = (larger, 0, count);
        return Errno.Ok;
    }

    private void FreeBlock(NativeBlock block)
    {
        if (block.IsEmpty)
            return;
        account.Return(MemoryKind.Buffers, block.Capacity);
        NativeArena.Free(block);
    }
}
