using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sandbox.Gofer.Protocol;

/// <summary>
/// Builds a packet front to back in a buffer of <see cref="GoferLimits.MessageBytesMax"/>. What does not fit sets
/// <see cref="HasOverflowed"/> and writes nothing more, so that one check at the end is enough.
/// </summary>
public ref struct MessageWriter(Span<byte> buffer)
{
    private readonly Span<byte> _buffer = buffer;

    /// <summary>Bytes written so far.</summary>
    public int LengthBytes { get; private set; }

    /// <summary>True once something did not fit: the message must not be sent.</summary>
    public bool HasOverflowed { get; private set; }

    /// <summary>Room that is left.</summary>
    public readonly int FreeBytes => _buffer.Length - LengthBytes;

    /// <summary>The room that is left, to be filled in place and taken with <see cref="Advance"/>.</summary>
    public readonly Span<byte> Free => _buffer[LengthBytes..];

    /// <summary>Takes <paramref name="length"/> bytes that were written into <see cref="Free"/>.</summary>
    public void Advance(int length)
    {
        if (Reserve(length))
            LengthBytes += length;
    }

    public void Write<T>(in T value) where T : unmanaged
    {
        if (!Reserve(Unsafe.SizeOf<T>()))
            return;
        MemoryMarshal.Write(Free, in value);
        LengthBytes += Unsafe.SizeOf<T>();
    }

    /// <summary>Overwrites what was written at <paramref name="offset"/>, for counts that are known late.</summary>
    public readonly void WriteAt<T>(int offset, in T value) where T : unmanaged =>
        MemoryMarshal.Write(_buffer[offset..LengthBytes], in value);

    public void WriteBytes(scoped ReadOnlySpan<byte> bytes)
    {
        if (!Reserve(bytes.Length))
            return;
        bytes.CopyTo(Free);
        LengthBytes += bytes.Length;
    }

    /// <summary>Length (two bytes), bytes, NUL; at most 65,535 bytes of text.</summary>
    public void WriteText(scoped ReadOnlySpan<byte> text)
    {
        if (text.Length > ushort.MaxValue || !Reserve(sizeof(ushort) + text.Length + 1))
        {
            HasOverflowed = true;
            return;
        }

        BinaryPrimitives.WriteUInt16LittleEndian(Free, (ushort)text.Length);
        text.CopyTo(Free[sizeof(ushort)..]);
        Free[sizeof(ushort) + text.Length] = 0;
        LengthBytes += sizeof(ushort) + text.Length + 1;
    }

    /// <summary>What was written from <paramref name="offset"/> on.</summary>
    public readonly ReadOnlySpan<byte> Written(int offset) => _buffer[offset..LengthBytes];

    /// <summary>As if something had not fitted.</summary>
    public void Overflow() => HasOverflowed = true;

    /// <summary>Forgets everything after the first <paramref name="length"/> bytes, and an overflow.</summary>
    public void Rewind(int length) => (LengthBytes, HasOverflowed) = (Math.Min(length, LengthBytes), false);

    private bool Reserve(int length)
    {
        if (!HasOverflowed && length >= 0 && length <= FreeBytes)
            return true;
        HasOverflowed = true;
        return false;
    }
}
