using System.Buffers;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel;

namespace Sandbox.Sentry.Syscalls;

/// <summary>
/// Where in guest memory a scattered transfer stands (iovec(3type)). The vectors are a copy; bytes are copied in or out in order,
/// a piece at a time. Whoever reads the vectors disposes this.
/// </summary>
internal struct GuestBuffers : IDisposable
{
    /// <summary>UIO_MAXIOV.</summary>
    public const int MaxVectors = 1024;

    /// <summary>MAX_RW_COUNT: what one call moves at most.</summary>
    public const long MaxBytes = 0x7FFFF000;

    private IoVector[]? _rented;
    private IoVector _single;
    private int _count;
    private int _index;
    private ulong _offset; // In the current vector.

    /// <summary>One buffer.</summary>
    public GuestBuffers(UserAddress address, ulong length)
    {
        TotalBytes = (long)Math.Min(length, MaxBytes);
        (_single, _count) = (new IoVector(address, (ulong)TotalBytes), 1);
    }

    /// <summary>The sum of all lengths, at most <see cref="MaxBytes"/>.</summary>
    public long TotalBytes { get; private set; }

    /// <summary>
    /// Copies the vectors in. EMSGSIZE (as sendmsg(2) has it) for too many, EINVAL for a length that is negative,
    /// EFAULT.
    /// </summary>
    public static Errno Read(Task task, UserPtr<IoVector> vectors, ulong count, out GuestBuffers buffers)
    {
        buffers = default;
        if (count > MaxVectors)
            return Errno.EMSGSIZE;
        if (count == 0)
            return Errno.Ok;
        IoVector[] rented = ArrayPool<IoVector>.Shared.Rent((int)count);
        buffers._rented = rented;
        buffers._count = (int)count;
        if (task.Memory.ReadArray(vectors, rented.AsSpan(0, (int)count)) is not Errno.Ok and Errno error)
        {
            buffers.Dispose();
            return error;
        }

        for (int index = 0; index < (int)count; index++)
        {
            ulong length = rented[index].Length;
            if (length > long.MaxValue)
            {
                buffers.Dispose();
                return Errno.EINVAL;
            }

            ulong room = (ulong)(MaxBytes - buffers.TotalBytes);
            if (length > room)
                rented[index] = new IoVector(rented[index].Base, length = room); // Linux cuts the transfer short.
            buffers.TotalBytes += (long)length;
        }

        return Errno.Ok;
    }

    /// <summary>Fills <paramref name="destination"/> from the next bytes; it is no longer than what is left. EFAULT.</summary>
    public Errno CopyIn(Task task, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int piece = Next(destination.Length, out UserAddress address);
            if (task.Memory.Read(address, destination[..piece]) is not Errno.Ok and Errno error)
                return error;
            destination = destination[piece..];
        }

        return Errno.Ok;
    }

    /// <summary>Puts bytes where the next belong; they are no more than what is left. EFAULT.</summary>
    public Errno CopyOut(Task task, ReadOnlySpan<byte> source)
    {
        while (!source.IsEmpty)
        {
            int piece = Next(source.Length, out UserAddress address);
            if (task.Memory.Write(address, source[..piece]) is not Errno.Ok and Errno error)
                return error;
            source = source[piece..];
        }

        return Errno.Ok;
    }

    public void Dispose()
    {
        if (_rented is not null)
            ArrayPool<IoVector>.Shared.Return(_rented);
        _rented = null;
        _count = 0;
    }

    /// <summary>The next contiguous piece, up to a length, and steps over it.</summary>
    private int Next(int wanted, out UserAddress address)
    {
        while (true)
        {
            IoVector vector = _rented is null ? _single : _rented[_index];
            ulong left = vector.Length - _offset;
            if (left == 0 && _index < _count - 1)
            {
                (_index, _offset) = (_index + 1, 0);
                continue;
            }

            int piece = (int)Math.Min((ulong)wanted, left);
            address = vector.Base + _offset;
            _offset += (ulong)piece;
            return piece;
        }
    }
}
