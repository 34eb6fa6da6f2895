using System.Buffers.Binary;
using System.Text;

namespace Sandbox.Sentry.Sockets.Netlink;

/// <summary>Lays netlink messages out (netlink(7), rtnetlink(7)) and hands each finished datagram of them on.</summary>
/// <param name="deliver">Takes a datagram of whole messages.</param>
internal sealed class NetlinkWriter(NetlinkWriter.Datagram deliver)
{
    public const int HeaderBytes = 16;

    /// <summary>A dump is cut into datagrams of this size, which every program has room for.</summary>
    private const int DatagramBytes = 8192;

    /// <summary>No message is longer.</summary>
    private const int MaxMessageBytes = 2048;

    private const int Alignment = 4;

    private readonly byte[] _buffer = new byte[DatagramBytes];
    private int _length;
    private int _start;

    /// <summary>Whole messages.</summary>
    public delegate void Datagram(ReadOnlySpan<byte> messages);

    /// <summary>Begins a message; everything until <see cref="End"/> is its body.</summary>
    public void Begin(int type, int flags, uint sequence, uint port)
    {
        if (_length + MaxMessageBytes > DatagramBytes)
            Flush();
        _start = _length;
        Span<byte> header = Take(HeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], (ushort)type);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], (ushort)flags);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], sequence);
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], port);
    }

    public void End() => BinaryPrimitives.WriteInt32LittleEndian(_buffer.AsSpan(_start), _length - _start);

    /// <summary>Hands on what is written.</summary>
    public void Flush()
    {
        if (_length > 0)
            deliver(_buffer.AsSpan(0, _length));
        _length = 0;
    }

    /// <summary>Room for a fixed structure, zeroed.</summary>
    public Span<byte> Take(int bytes)
    {
        int padded = (bytes + Alignment - 1) & -Alignment;
        _buffer.AsSpan(_length, padded).Clear();
        Span<byte> room = _buffer.AsSpan(_length, bytes);
        _length += padded;
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

    public void Attribute(int type, uint value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(Attribute(type, sizeof(uint)), value);

    /// <summary>A name, with the NUL that ends it.</summary>
    public void AttributeText(int type, string text) => Encoding.ASCII.GetBytes(text, Attribute(type, text.Length + 1));
}
