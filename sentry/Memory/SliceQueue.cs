namespace Sandbox.Sentry.Memory;

/// <summary>
/// A queue of bytes in shared buffers: a stream's bytes that wait to be sent, to be acknowledged or to be read. Not
/// synchronised: its owner's lock guards it. The buffers in it are charged to an account, each whole,
/// which the owner asks before it takes more.
/// </summary>
internal sealed class SliceQueue(MemoryAccount account)
{
    /// <summary>Shorter pieces are copied together, so that no large buffer is kept for a few bytes.</summary>
    public const int CopyBytes = 2048;

    private const int FirstSlices = 4;

    private ByteSlice[] _slices = []; // A ring, its length a power of two once something was in it.
    private int _first;
    private int _count;
    private bool _isTailOwn; // The last buffer is this queue's alone, and has room behind its slice.

    public int Length { get; private set; }

    /// <summary>Appends a copy.</summary>
    public void Append(ReadOnlySpan<byte> data)
    {
        Length += data.Length;
        while (!data.IsEmpty)
        {
            int room = RoomInTail;
            if (room == 0)
            {
                // Grows with the queue.
                int bytes = Math.Clamp(Length, data.Length, Math.Max(SharedBuffer.LargeBytes, data.Length));
                bytes = Math.Min(bytes, SharedBuffer.LargeBytes);
                Add(new ByteSlice(SharedBuffer.Rent(bytes), 0, 0));
                _isTailOwn = true;
                continue;
            }

            int count = Math.Min(room, data.Length);
            ref ByteSlice tail = ref _slices[(_first + _count - 1) & (_slices.Length - 1)];
            data[..count].CopyTo(tail.Buffer!.Bytes.AsSpan(tail.Offset + tail.Length));
            tail = tail.Take(tail.Length + count);
            data = data[count..];
        }
    }

    /// <summary>
    /// Appends by reference, or a copy of what is short or little of its buffer. The caller keeps its own reference.
    /// </summary>
    public void Append(ByteSlice slice)
    {
        if (slice.Length == 0)
            return;
        if (slice.Length < CopyBytes || slice.Length < slice.Buffer!.Bytes.Length / 2)
        {
            Append(slice.Span);
            return;
        }

        slice.Buffer.AddReference();
        Add(slice);
        _isTailOwn = false;
        Length += slice.Length;
    }

    /// <summary>Copies bytes from an offset on, as many as there are, and gives their number.</summary>
    public int CopyTo(int offset, Span<byte> destination)
    {
        int copied = 0;
        for (int index = Find(ref offset); index < _count && copied < destination.Length; index++, offset = 0)
        {
            ReadOnlySpan<byte> source = At(index).Span[offset..];
            int count = Math.Min(source.Length, destination.Length - copied);
            source[..count].CopyTo(destination[copied..]);
            copied += count;
        }

        return copied;
    }

    /// <summary>The bytes from an offset on that lie in one buffer, at most so many. No reference is added.</summary>
    public ByteSlice Slice(int offset, int most)
    {
        int index = Find(ref offset);
        if (index >= _count)
            return default;
        ByteSlice slice = At(index).Skip(offset);
        return slice.Take(Math.Min(slice.Length, most));
    }

    /// <summary>Drops bytes at the front.</summary>
    public void Drop(int count)
    {
        if (count == 0)
            return;
        Length -= count;
        while (count > 0)
        {
            ref ByteSlice first = ref _slices[_first];
            if (first.Length > count)
            {
                first = first.Skip(count);
                return;
            }

            count -= first.Length;
            account.Return(MemoryKind.Objects, first.Buffer!.Bytes.Length);
            first.Buffer.Release();
            first = default;
            _first = (_first + 1) & (_slices.Length - 1);
            _count--;
        }
    }

    public void Clear() => Drop(Length);

    private int RoomInTail
    {
        get
        {
            if (_count == 0 || !_isTailOwn)
                return 0;
            ByteSlice tail = At(_count - 1);
            return tail.Buffer!.Bytes.Length - tail.Offset - tail.Length;
        }
    }

    private ByteSlice At(int index) => _slices[(_first + index) & (_slices.Length - 1)];

    /// <summary>The slice that holds an offset, which becomes one into it.</summary>
    private int Find(ref int offset)
    {
        int index = 0;
        while (index < _count && offset >= At(index).Length)
            offset -= At(index++).Length;
        return index;
    }

    private void Add(ByteSlice slice)
    {
        if (_count == _slices.Length)
        {
            ByteSlice[] larger = new ByteSlice[Math.Max(_count * 2, FirstSlices)];
            for (int index = 0; index < _count; index++)
                larger[index] = At(index);
            (_slices, _first) = (larger, 0);
        }

        _slices[(_first + _count) & (_slices.Length - 1)] = slice;
        _count++;
        account.Charge(MemoryKind.Objects, slice.Buffer!.Bytes.Length);
    }
}
