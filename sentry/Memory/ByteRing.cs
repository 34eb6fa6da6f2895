using System.Buffers;

namespace Sandbox.Sentry.Memory;

/// <summary>
/// A bounded queue of bytes whose storage grows with what is in it and comes from the array pool. Not synchronised: its
/// owner's lock guards it.
/// </summary>
internal sealed class ByteRing(int capacity)
{
    private const int FirstBytes = 4096;

    private byte[]? _bytes;
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

    /// <summary>Appends as much as fits and gives the number of bytes.</summary>
    public int Write(ReadOnlySpan<byte> source)
    {
        int count = Math.Min(source.Length, Math.Max(0, Free));
        if (count == 0)
            return 0;
        if (_bytes is null || _bytes.Length < Count + count)
            Grow(Count + count);
        byte[] bytes = _bytes!;
        int end = _start + Count;
        if (end >= bytes.Length)
            end -= bytes.Length;
        int first = Math.Min(count, bytes.Length - end);
        source[..first].CopyTo(bytes.AsSpan(end));
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
        byte[] bytes = _bytes!;
        int at = _start + offset;
        if (at >= bytes.Length)
            at -= bytes.Length;
        int first = Math.Min(count, bytes.Length - at);
        bytes.AsSpan(at, first).CopyTo(destination);
        bytes.AsSpan(0, count - first).CopyTo(destination[first..]);
        return count;
    }

    /// <summary>Drops bytes from the front.</summary>
    public void Skip(int count)
    {
        Count -= count;
        _start += count;
        if (_bytes is not null && _start >= _bytes.Length)
            _start -= _bytes.Length;
        if (Count > 0)
            return;
        _start = 0; // An empty ring starts over, so that small messages always touch the same cache lines.
        if (_bytes is { Length: > 4 * FirstBytes })
            Clear(); // An idle pipe that was once full keeps no big buffer.
    }

    /// <summary>Drops everything and gives the storage back.</summary>
    public void Clear()
    {
        (Count, _start) = (0, 0);
        if (_bytes is { } bytes)
            ArrayPool<byte>.Shared.Return(bytes);
        _bytes = null;
    }

    private void Grow(int needed)
    {
        int size = Math.Max(FirstBytes, _bytes is null ? needed : Math.Max(needed, Math.Min(_bytes.Length * 2, Capacity)));
        byte[] bigger = ArrayPool<byte>.Shared.Rent(size);
        int count = Peek(bigger, 0);
        if (_bytes is { } old)
            ArrayPool<byte>.Shared.Return(old);
        (_bytes, _start, Count) = (bigger, 0, count);
    }
}
