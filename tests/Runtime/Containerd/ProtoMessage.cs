using System.Text;

namespace Sandbox.RuntimeTests.Containerd;

/// <summary>
/// A protobuf message by field numbers, without generated code: the few messages of CRI that the tests need do not pay
/// for a compiler. Knows varints and length-delimited fields, which is all that CRI has.
/// </summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Design", "CA1001", Justification = "A MemoryStream owns no more than its array.")]
public sealed class ProtoMessage
{
    private const int Varint = 0, Fixed64 = 1, Delimited = 2, Fixed32 = 5, WireBits = 3, WireMask = 7;
    private readonly List<byte> _bytes = [];
    private readonly List<(int Field, ulong Number, byte[] Content)> _fields = [];

    /// <summary>An empty message, to be filled by Set and Add.</summary>
    public ProtoMessage()
    {
    }

    private ProtoMessage(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            ulong key = ReadVarint(ref bytes);
            int field = (int)(key >> WireBits);
            switch ((int)key & WireMask)
            {
                case Varint:
                    _fields.Add((field, ReadVarint(ref bytes), []));
                    break;
                case Delimited:
                    int length = (int)ReadVarint(ref bytes);
                    _fields.Add((field, 0, bytes[..length].ToArray()));
                    bytes = bytes[length..];
                    break;
                case Fixed64:
                    bytes = bytes[sizeof(ulong)..];
                    break;
                case Fixed32:
                    bytes = bytes[sizeof(uint)..];
                    break;
                default:
                    throw new InvalidDataException($"protobuf: field {field} has an unknown wire type");
            }
        }
    }

    public static ProtoMessage Parse(ReadOnlySpan<byte> bytes) => new(bytes);

    public byte[] ToArray() => _bytes.ToArray();

    public ProtoMessage Add(int field, string text) => Add(field, Encoding.UTF8.GetBytes(text));

    public ProtoMessage Add(int field, ProtoMessage message) => Add(field, message.ToArray());

    public ProtoMessage Add(int field, long number)
    {
        WriteVarint((ulong)field << WireBits | Varint);
        WriteVarint((ulong)number);
        return this;
    }

    /// <summary>A repeated string.</summary>
    public ProtoMessage AddAll(int field, params ReadOnlySpan<string> texts)
    {
        foreach (string text in texts)
            Add(field, text);
        return this;
    }

    /// <summary>A number, 0 if the field is not there.</summary>
    public long Number(int field)
    {
        foreach ((int found, ulong number, _) in _fields)
        {
            if (found == field)
                return (long)number;
        }

        return 0;
    }

    /// <summary>A string, empty if the field is not there.</summary>
    public string Text(int field) => Encoding.UTF8.GetString(Content(field));

    /// <summary>A message, empty if the field is not there.</summary>
    public ProtoMessage Message(int field) => Parse(Content(field));

    /// <summary>A repeated message.</summary>
    public List<ProtoMessage> Messages(int field)
    {
        List<ProtoMessage> messages = [];
        foreach ((int found, _, byte[] content) in _fields)
        {
            if (found == field)
                messages.Add(Parse(content));
        }

        return messages;
    }

    private ProtoMessage Add(int field, byte[] content)
    {
        WriteVarint((ulong)field << WireBits | Delimited);
        WriteVarint((ulong)content.Length);
        _bytes.AddRange(content);
        return this;
    }

    private byte[] Content(int field)
    {
        foreach ((int found, _, byte[] content) in _fields)
        {
            if (found == field)
                return content;
        }

        return [];
    }

    private void WriteVarint(ulong value)
    {
        const ulong more = 0x80;
        for (; value >= more; value >>= 7)
            _bytes.Add((byte)(value | more));
        _bytes.Add((byte)value);
    }

    private static ulong ReadVarint(ref ReadOnlySpan<byte> bytes)
    {
        const byte more = 0x80;
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte next = bytes[0];
            bytes = bytes[1..];
            value |= (ulong)(next & ~more) << shift;
            if ((next & more) == 0)
                return value;
        }
    }
}
