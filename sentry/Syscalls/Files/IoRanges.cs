using System.Buffers;
using Sandbox.Linux;
using Sandbox.Sentry.Memory;

namespace Sandbox.Sentry.Syscalls;

/// <summary>
/// The guest memory that a read or write is about: one range or an array of them (readv(2)), with a position that moves
/// as bytes are done. Who made it of an array disposes of it, once; copies of it are only looked at.
/// </summary>
internal ref struct IoRanges
{
    /// <summary>The most one call transfers (MAX_RW_COUNT).</summary>
    public const long MaxTransfer = 0x7FFFF000;

    /// <summary>UIO_MAXIOV.</summary>
    public const int MaxVectors = 1024;

    private const ulong AddressLimit = 0x7FFF_FFFF_F000;

    private readonly UserMemory _memory;
    private readonly IoVector[]? _rented;
    private ReadOnlySpan<IoVector> _vectors;
    private ulong _skipped; // Bytes of the first vector that are done.

    private IoRanges(UserMemory memory, ReadOnlySpan<IoVector> vectors, long length, IoVector[]? rented = null)
    {
        _rented = rented;
        _memory = memory;
        _vectors = vectors;
        Remaining = length;
    }

    /// <summary>Bytes left.</summary>
    public long Remaining { get; private set; }

    /// <summary>One range; EFAULT if it cannot be a guest's.</summary>
    public static Errno Single(UserMemory memory, in IoVector vector, out IoRanges buffers)
    {
        if (vector.Length > AddressLimit || vector.Base.Value > AddressLimit - vector.Length)
        {
            buffers = default;
            return vector.Length == 0
                ? Empty(memory, out buffers)
                : vector.Length > long.MaxValue ? Errno.EINVAL : Errno.EFAULT;
        }

        buffers = new IoRanges(
            memory, new ReadOnlySpan<IoVector>(in vector), Math.Min((long)vector.Length, MaxTransfer));
        return Errno.Ok;
    }

    /// <summary>Copies an array of ranges in. EINVAL for too many or a length beyond SSIZE_MAX, EFAULT.</summary>
    /// <param name="memory">The guest's.</param>
    /// <param name="address">Where the array lies.</param>
    /// <param name="count">How many, as the guest said.</param>
    /// <param name="room">Where to copy the array if it fits; else an array is rented.</param>
    /// <param name="buffers">The result.</param>
    public static Errno Many(
        UserMemory memory, UserPtr<IoVector> address, ulong count, Span<IoVector> room, out IoRanges buffers)
    {
        buffers = default;
        if (count > MaxVectors)
            return Errno.EINVAL;
        IoVector[]? rented = (int)count <= room.Length ? null : ArrayPool<IoVector>.Shared.Rent((int)count);
        Span<IoVector> vectors = (rented is null ? room : rented)[..(int)count];
        Errno error = memory.ReadArray(address, vectors);
        long total = 0;
        if (error == Errno.Ok)
            error = Sum(vectors, out total);
        if (error == Errno.Ok)
            buffers = new IoRanges(memory, vectors, total, rented);
        else if (rented is not null)
            ArrayPool<IoVector>.Shared.Return(rented);
        return error;
    }

    public readonly void Dispose()
    {
        if (_rented is not null)
            ArrayPool<IoVector>.Shared.Return(_rented);
    }

    /// <summary>Copies from the guest at the position, as many as are wanted and readable; EFAULT if none.</summary>
    public readonly Result<int> CopyIn(Span<byte> destination) => Copy(destination, default, isIn: true);

    /// <summary>Copies to the guest at the position, as many as are writable; EFAULT if none.</summary>
    public readonly Result<int> CopyOut(ReadOnlySpan<byte> source) => Copy(default, source, isIn: false);

    /// <summary>Moves the position past bytes that are done.</summary>
    public void Advance(long bytes)
    {
        Remaining -= bytes;
        ulong left = (ulong)bytes + _skipped;
        while (!_vectors.IsEmpty && left >= _vectors[0].Length)
        {
            left -= _vectors[0].Length;
            _vectors = _vectors[1..];
        }

        _skipped = left;
    }

    /// <summary>
    /// Fills <paramref name="destination"/>, which is no longer than what remains, and moves on.
    /// EFAULT if not all is readable.
    /// </summary>
    public Errno Take(Span<byte> destination)
    {
        if (CopyIn(destination).Failed(out int count, out Errno error))
            return error;
        Advance(count);
        return count == destination.Length ? Errno.Ok : Errno.EFAULT;
    }

    /// <summary>
    /// Puts all of <paramref name="source"/>, no longer than what remains, and moves on. EFAULT if not all is writable.
    /// </summary>
    public Errno Put(ReadOnlySpan<byte> source)
    {
        if (CopyOut(source).Failed(out int count, out Errno error))
            return error;
        Advance(count);
        return count == source.Length ? Errno.Ok : Errno.EFAULT;
    }

    /// <summary>
    /// What one call moves of these, bytes. A wrong length anywhere counts before a wrong address (lib/iov_iter.c).
    /// </summary>
    private static Errno Sum(ReadOnlySpan<IoVector> vectors, out long total)
    {
        total = 0;
        bool isOutside = false;
        foreach (IoVector vector in vectors)
        {
            if (vector.Length > long.MaxValue)
                return Errno.EINVAL;
            isOutside |= vector.Length != 0
                && (vector.Length > AddressLimit || vector.Base.Value > AddressLimit - vector.Length);
            total = Math.Min(MaxTransfer, total + (long)Math.Min(vector.Length, (ulong)MaxTransfer));
        }

        return isOutside ? Errno.EFAULT : Errno.Ok;
    }

    private static Errno Empty(UserMemory memory, out IoRanges buffers)
    {
        buffers = new IoRanges(memory, default, 0);
        return Errno.Ok;
    }

    private readonly Result<int> Copy(Span<byte> destination, ReadOnlySpan<byte> source, bool isIn)
    {
        int total = (int)Math.Min(isIn ? destination.Length : source.Length, Remaining);
        int done = 0;
        ulong skipped = _skipped;
        foreach (IoVector vector in _vectors)
        {
            if (done == total)
                break;
            int piece = (int)Math.Min(vector.Length - skipped, (ulong)(total - done));
            UserAddress address = vector.Base + skipped;
            skipped = 0;
            if (piece == 0)
                continue;
            Result<int> copied = isIn
                ? _memory.ReadSome(address, destination.Slice(done, piece))
                : _memory.WriteSome(address, source.Slice(done, piece));
            if (copied.Failed(out int count, out Errno error))
                return done == 0 ? error : done;
            done += count;
            if (count < piece)
                break;
        }

        return done;
    }
}
