using System.Buffers;
using System.Buffers.Binary;

namespace Sandbox.Sentry.Sockets;

/// <summary>
/// Ancillary messages in the layout of cmsg(3), one after the other, in a rented array. A mutable value: whoever holds
/// it drops it once, copies are only looked at.
/// </summary>
internal struct AncillaryMessages
{
    public const int HeaderBytes = 16;

    private const int Alignment = 8, FirstBytes = 256, MaxBytes = 16384;

    private byte[]? _rented;
    private int _length;

    public readonly ReadOnlySpan<byte> Bytes => _rented is null ? default : _rented.AsSpan(0, _length);

    /// <summary>
    /// Adds a message; one too many is left out (a sender's are bounded by the call, a receiver's by their kinds).
    /// </summary>
    public void Add(int level, int type, ReadOnlySpan<byte> data) => data.CopyTo(Place(level, type, data.Length));

    /// <summary>Adds a message and gives the place of its data, zeroed; empty if there is no more room.</summary>
    public Span<byte> Place(int level, int type, int dataBytes)
    {
        int length = HeaderBytes + dataBytes, padded = (length + Alignment - 1) & -Alignment;
        if (_length + padded > MaxBytes)
            return new byte[dataBytes];
        Reserve(_length + padded);
        Span<byte> message = _rented.AsSpan(_length, padded);
        message.Clear();
        BinaryPrimitives.WriteInt64LittleEndian(message, length);
        BinaryPrimitives.WriteInt32LittleEndian(message[8..], level);
        BinaryPrimitives.WriteInt32LittleEndian(message[12..], type);
        _length += padded;
        return message[HeaderBytes..length];
    }

    public void Add(int level, int type, int value) =>
        BinaryPrimitives.WriteInt32LittleEndian(Place(level, type, sizeof(int)), value);

    /// <summary>Adds what another kernel laid out, message by message; what is no whole message ends it.</summary>
    public void AddAll(ReadOnlySpan<byte> messages)
    {
        AncillaryReader reader = new(messages);
        while (reader.Next(out int level, out int type, out ReadOnlySpan<byte> data))
            Add(level, type, data);
    }

    public void Drop()
    {
        if (_rented is { } rented)
            ArrayPool<byte>.Shared.Return(rented);
        (_rented, _length) = (null, 0);
    }

    private void Reserve(int bytes)
    {
        if (_rented is { } enough && enough.Length >= bytes)
            return;
        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(bytes, FirstBytes));
        Bytes.CopyTo(larger);
        if (_rented is { } old)
            ArrayPool<byte>.Shared.Return(old);
        _rented = larger;
    }
}

/// <summary>Takes ancillary messages apart, one at a time.</summary>
internal ref struct AncillaryReader(ReadOnlySpan<byte> messages)
{
    private const int Alignment = 8;

    private ReadOnlySpan<byte> _rest = messages;

    /// <summary>The next message, or false at the end or where no whole message is.</summary>
    public bool Next(out int level, out int type, out ReadOnlySpan<byte> data)
    {
        data = default;
        (level, type) = (0, 0);
        if (_rest.Length < AncillaryMessages.HeaderBytes)
            return false;
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(_rest);
        if (length < AncillaryMessages.HeaderBytes || length > (ulong)_rest.Length)
            return false;
        level = BinaryPrimitives.ReadInt32LittleEndian(_rest[8..]);
        type = BinaryPrimitives.ReadInt32LittleEndian(_rest[12..]);
        data = _rest[AncillaryMessages.HeaderBytes..(int)length];
        _rest = _rest[(int)Math.Min((length + Alignment - 1) & ~(Alignment - 1ul), (ulong)_rest.Length)..];
        return true;
    }
}
