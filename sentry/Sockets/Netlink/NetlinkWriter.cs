using System.Buffers.Binary;

namespace Sandbox.Sentry.Sockets.Netlink;

/// <summary>Lays netlink messages out in a fixed buffer (netlink(7), rtnetlink(7)). The few we have always fit.</summary>
internal ref struct NetlinkWriter(Span<byte> buffer)
{
    public const int HeaderBytes = 16;

    private const int Alignment = 4;

    private readonly Span<byte> _buffer = buffer;
    private int _length;
    private int _start;

    public readonly ReadOnlySpan<byte> Written => _buffer[.._length];

    /// <summary>Begins a message; everything until <see cref="End"/> is its body.</summary>
    public void Begin(int type, int flags, uint sequence, uint port)
    {
        _start = _length;
        Span<byte> header = Take(HeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], (ushort)type);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], (ushort)flags);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], sequence);
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], port);
    }

    public readonly void End() => BinaryPrimitives.WriteInt32LittleEndian(_buffer[_start..], _length - _start);

    /// <summary>Room for a fixed structure, zeroed.</summary>
    public Span<byte> Take(int bytes)
    {
        Span<byte> room = _buffer.Slice(_length, bytes);
        room.Clear();
        _length += (bytes + Alignment - 1) & -Alignment;
        return room;
    }

    /// <summary>An attribute: room for its value, zeroed.</summary>
    public Span<byte> Attribute(int type, int bytes)
    {
        const int attributeHeader = 4;
        Span<byte> room = Take(attributeHeader + bytes);
        BinaryPrimitives.WriteUInt16LittleEndian(room, (ushort)(attributeHeader + bytes));
        BinaryPrimitives.WriteUInt16LittleEndian(room[2..], (ushort)type);
        return room[attributeHeader..];
    }

    public void Attribute(int type, ReadOnlySpan<byte> value) => value.CopyTo(Attribute(type, value.Length));

    public void Attribute(int type, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Attribute(type, sizeof(uint)), value);
}
