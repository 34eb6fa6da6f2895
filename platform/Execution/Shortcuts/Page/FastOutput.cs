using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Shortcuts.Page;

/// <summary>
/// Walks the records of a page that are still to be copied to guest memory, as its thread does. Lengths and addresses
/// are whatever the guest claims: it may write to its own memory what it likes.
/// </summary>
internal ref struct FastOutput(FastPage page, ulong offset)
{
    private ulong _offset = offset;

    public FastOutput(FastPage page, int offset)
        : this(page, (ulong)offset)
    {
    }

    /// <summary>Bytes of records that this has written.</summary>
    public ulong Written { get; private set; }

    /// <summary>Writes all that is left, by the host. EFAULT at the first byte that cannot be written.</summary>
    public Errno Write(AddressSpace space)
    {
        while (TryNext(out ulong address, out ReadOnlySpan<byte> bytes))
        {
            if (WriteBytes(space, address, bytes) is not Errno.Ok and Errno error)
                return error;
        }

        return Errno.Ok;
    }

    /// <summary>
    /// Writes the rest of a record that the thread has begun; the records go on behind it. EFAULT as above.
    /// </summary>
    /// <param name="space">The thread's.</param>
    /// <param name="source">The offset of the next byte.</param>
    /// <param name="address">Where it belongs.</param>
    /// <param name="length">How many are left.</param>
    public Errno WriteRest(AddressSpace space, ulong source, ulong address, ulong length)
    {
        if (!IsInPage(source, length))
            return Errno.EFAULT;
        _offset = source + length;
        return WriteBytes(space, address, page.Bytes((int)source, (int)length));
    }

    /// <summary>The bytes of all records that are left, and steps over them.</summary>
    public ulong Count()
    {
        ulong count = 0;
        while (TryNext(out _, out ReadOnlySpan<byte> bytes))
            count += (ulong)bytes.Length;
        return count;
    }

    private Errno WriteBytes(AddressSpace space, ulong address, ReadOnlySpan<byte> bytes)
    {
        if (space.WriteNow(new UserAddress(address), bytes).Failed(out int count, out Errno error))
            return error;
        Written += (ulong)count;
        return count == bytes.Length ? Errno.Ok : Errno.EFAULT;
    }

    private bool TryNext(out ulong address, out ReadOnlySpan<byte> bytes)
    {
        address = 0;
        bytes = default;
        _offset = (_offset + 7) & ~7ul;
        if (!IsInPage(_offset, FastLayout.RecordHeader))
            return false;
        Span<byte> header = page.Bytes((int)_offset, FastLayout.RecordHeader);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(header);
        address = BinaryPrimitives.ReadUInt64LittleEndian(header[sizeof(ulong)..]);
        _offset += FastLayout.RecordHeader;
        if (length == 0 || !IsInPage(_offset, length))
            return false;
        bytes = page.Bytes((int)_offset, (int)length);
        _offset += length;
        return true;
    }

    private static bool IsInPage(ulong offset, ulong length) =>
        offset is >= FastLayout.PageData and <= FastLayout.CallBytes && length <= FastLayout.CallBytes - offset;
}
