using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Platform;

namespace Sandbox.Sentry.Memory;

/// <summary>
/// The only way to a guest's bytes. Everything read is a copy: look at it as often as you like, never read it twice.
/// A value type over the address space, so that it costs nothing to pass.
/// </summary>
internal readonly struct UserMemory(IAddressSpace space)
{
    /// <summary>The longest path a guest may pass, with its NUL (limits.h).</summary>
    public const int MaxPathBytes = 4096;

    public IAddressSpace Space => space;

    /// <summary>Fills all of <paramref name="destination"/>, or EFAULT.</summary>
    public Errno Read(UserAddress source, Span<byte> destination)
    {
        if (destination.IsEmpty)
            return Errno.Ok;
        if (space.Read(source, destination).Failed(out int count, out Errno error))
            return error;
        return count == destination.Length ? Errno.Ok : Errno.EFAULT;
    }

    /// <summary>
    /// Writes all of <paramref name="source"/>, or EFAULT (part of it may have been written, as on Linux).
    /// </summary>
    public Errno Write(UserAddress destination, ReadOnlySpan<byte> source)
    {
        if (source.IsEmpty)
            return Errno.Ok;
        if (space.Write(destination, source).Failed(out int count, out Errno error))
            return error;
        return count == source.Length ? Errno.Ok : Errno.EFAULT;
    }

    /// <summary>As many bytes as are readable; EFAULT if none.</summary>
    public Result<int> ReadSome(UserAddress source, Span<byte> destination) =>
        destination.IsEmpty ? 0 : space.Read(source, destination);

    /// <summary>As many bytes as are writable; EFAULT if none.</summary>
    public Result<int> WriteSome(UserAddress destination, ReadOnlySpan<byte> source) =>
        source.IsEmpty ? 0 : space.Write(destination, source);

    /// <summary>Copies one value in.</summary>
    public Errno Read<T>(UserPtr<T> source, out T value)
        where T : unmanaged
    {
        Unsafe.SkipInit(out value);
        return Read(source.Address, MemoryMarshal.AsBytes(new Span<T>(ref value)));
    }

    /// <summary>Copies one value out.</summary>
    public Errno Write<T>(UserPtr<T> destination, in T value)
        where T : unmanaged =>
        Write(destination.Address, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)));

    /// <summary>Copies an array in; its length was checked by the caller.</summary>
    public Errno ReadArray<T>(UserPtr<T> source, Span<T> values)
        where T : unmanaged =>
        Read(source.Address, MemoryMarshal.AsBytes(values));

    /// <summary>Copies an array out.</summary>
    public Errno WriteArray<T>(UserPtr<T> destination, ReadOnlySpan<T> values)
        where T : unmanaged =>
        Write(destination.Address, MemoryMarshal.AsBytes(values));

    /// <summary>
    /// Copies a NUL-terminated string in, without its NUL. Gives its length; <paramref name="tooLong"/> if no NUL is
    /// found within the buffer, EFAULT if the memory ends before it.
    /// </summary>
    public Result<int> ReadString(UserAddress source, Span<byte> buffer, Errno tooLong)
    {
        int done = 0;
        while (done < buffer.Length)
        {
            // The first piece is small and ends with its page: most strings are and do, and a copy costs by the page it
            // touches. What came with a fast call is as long.
            int chunk = Math.Min(
                buffer.Length - done, done == 0 ? Math.Min(256, 4096 - (int)(source.Value & 4095)) : 4096);
            if (space.Read(source + (ulong)done, buffer.Slice(done, chunk)).Failed(out int count, out Errno error))
                return error;
            int end = buffer.Slice(done, count).IndexOf((byte)0);
            if (end >= 0)
                return done + end;
            if (count < chunk)
            {
                // A short copy may have ended at a page boundary inside the chunk:
                // the next attempt tells EFAULT from more.
                done += count;
                continue;
            }

            done += count;
        }

        return tooLong;
    }

    /// <summary>
    /// Copies a path in: ENAMETOOLONG beyond PATH_MAX, EFAULT. <paramref name="buffer"/> has MaxPathBytes.
    /// </summary>
    public Errno ReadPath(UserString source, Span<byte> buffer, out ReadOnlySpan<byte> path)
    {
        if (ReadString(source.Address, buffer, Errno.ENAMETOOLONG).Failed(out int length, out Errno error))
        {
            path = default;
            return error;
        }

        path = buffer[..length];
        return Errno.Ok;
    }
}
