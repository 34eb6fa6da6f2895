using System.Buffers.Binary;
using System.Text;

namespace Sandbox.Runsc.Diagnostics;

/// <summary>
/// Reads the values of a trace block one after the other; past the end everything is zero and <see cref="IsBroken"/>.
/// </summary>
internal ref struct BlockReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    public readonly bool IsEmpty => _rest.IsEmpty;

    /// <summary>More was asked for than there is: the trace is cut off or not of a known format.</summary>
    public bool IsBroken { get; private set; }

    public ReadOnlySpan<byte> Bytes(int count)
    {
        if ((uint)count > (uint)_rest.Length)
        {
            IsBroken = true;
            _rest = default;
            return default;
        }

        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }

    public byte U8() => Bytes(sizeof(byte)) is [byte value] ? value : default;

    public short I16() =>
        Bytes(sizeof(short)) is { IsEmpty: false } value ? BinaryPrimitives.ReadInt16LittleEndian(value) : default;

    public int I32() =>
        Bytes(sizeof(int)) is { IsEmpty: false } value ? BinaryPrimitives.ReadInt32LittleEndian(value) : default;

    public long I64() =>
        Bytes(sizeof(long)) is { IsEmpty: false } value ? BinaryPrimitives.ReadInt64LittleEndian(value) : default;

    /// <summary>Seven bits a byte, lowest first.</summary>
    public ulong Variable()
    {
        const int bitsMax = 63;
        ulong value = 0;
        for (int shift = 0; shift <= bitsMax; shift += 7)
        {
            byte part = U8();
            value |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80)
                return value;
        }

        IsBroken = true;
        return value;
    }

    /// <summary>UTF-16 up to a zero.</summary>
    public string Text()
    {
        for (int end = 0; end + 1 < _rest.Length; end += sizeof(char))
        {
            if (_rest[end] == 0 && _rest[end + 1] == 0)
                return Encoding.Unicode.GetString(Bytes(end + sizeof(char))[..end]);
        }

        Bytes(_rest.Length + 1);
        return string.Empty;
    }
}
