using System.Buffers;
using System.Globalization;
using System.Text;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// Grows the text of a generated file: UTF-8 bytes, without a string in between where the caller has none.
/// </summary>
internal sealed class ByteBuilder
{
    private readonly ArrayBufferWriter<byte> _bytes = new(256);

    public ReadOnlySpan<byte> Written => _bytes.WrittenSpan;

    public int Length => _bytes.WrittenCount;

    public byte[] ToArray() => _bytes.WrittenSpan.ToArray();

    public ByteBuilder Append(ReadOnlySpan<byte> bytes)
    {
        _bytes.Write(bytes);
        return this;
    }

    public ByteBuilder Append(byte value)
    {
        _bytes.GetSpan(1)[0] = value;
        _bytes.Advance(1);
        return this;
    }

    /// <summary>Text; of an interpolated string, so meant for files that are not read often.</summary>
    public ByteBuilder Append(ReadOnlySpan<char> text)
    {
        Encoding.UTF8.GetBytes(text, _bytes);
        return this;
    }

    /// <summary>A number in decimal.</summary>
    public ByteBuilder Append(long value) => AppendNumber(value, default);

    public ByteBuilder Append(ulong value) => AppendNumber(value, default);

    /// <summary>A number in lower-case hexadecimal, with at least <paramref name="digits"/> digits.</summary>
    public ByteBuilder AppendHex(ulong value, int digits = 1)
    {
        Span<char> format = stackalloc char[3];
        format[0] = 'x';
        digits.TryFormat(format[1..], out int length, default, CultureInfo.InvariantCulture);
        return AppendNumber(value, format[..(length + 1)]);
    }

    public ByteBuilder AppendLine(ReadOnlySpan<char> text) => Append(text).Append((byte)'\n');

    /// <summary>Bytes with space, tab, newline and backslash as \ooo, as /proc/mounts has them.</summary>
    public ByteBuilder AppendEscaped(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> special)
    {
        foreach (byte value in bytes)
        {
            if (!special.Contains(value))
            {
                Append(value);
                continue;
            }

            Append((byte)'\\').Append((byte)('0' + (value >> 6)));
            Append((byte)('0' + ((value >> 3) & 7))).Append((byte)('0' + (value & 7)));
        }

        return this;
    }

    private ByteBuilder AppendNumber<T>(T value, ReadOnlySpan<char> format)
        where T : IUtf8SpanFormattable
    {
        value.TryFormat(_bytes.GetSpan(32), out int length, format, CultureInfo.InvariantCulture);
        _bytes.Advance(length);
        return this;
    }
}
