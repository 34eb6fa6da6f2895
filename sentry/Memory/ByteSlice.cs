namespace Sandbox.Sentry.Memory;

/// <summary>
/// A part of a buffer. Whoever keeps it holds a reference of the buffer; the value itself counts nothing.
/// </summary>
internal readonly record struct ByteSlice(SharedBuffer? Buffer, int Offset, int Length)
{
    public ReadOnlySpan<byte> Span => Buffer is null ? default : Buffer.Bytes.AsSpan(Offset, Length);

    public ByteSlice Skip(int count) => new(Buffer, Offset + count, Length - count);

    public ByteSlice Take(int count) => new(Buffer, Offset, count);
}
