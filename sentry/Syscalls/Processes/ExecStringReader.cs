using Sandbox.Linux;
using Sandbox.Sentry.Loader;
using Sandbox.Sentry.Memory;

namespace Sandbox.Sentry.Syscalls;

/// <summary>
/// Copies the strings of execve(2) in. They mostly lie one behind the other, so each copy takes a window of memory
/// along, in which the next strings are looked for first.
/// </summary>
/// <param name="memory">The caller's.</param>
/// <param name="window">Room for <see cref="WindowBytes"/>.</param>
internal ref struct ExecStringReader(UserMemory memory, Span<byte> window)
{
    public const int WindowBytes = 4096;

    private readonly Span<byte> _window = window;
    private ulong _start;
    private int _count;
    private byte[]? _long;

    /// <summary>
    /// A string without its NUL. E2BIG without a NUL in <see cref="ExecStrings.MaxStringBytes"/>, EFAULT.
    /// </summary>
    public Result<byte[]> Read(UserAddress address)
    {
        if (address.Value - _start < (ulong)_count && Find(address) is { } known)
            return known;
        if (memory.ReadSome(address, _window).Failed(out int count, out Errno error))
            return error;
        (_start, _count) = (address.Value, count);
        if (Find(address) is { } found)
            return found;
        return ReadLong(address);
    }

    private readonly byte[]? Find(UserAddress address)
    {
        ReadOnlySpan<byte> rest = _window[(int)(address.Value - _start).._count];
        int length = rest.IndexOf((byte)0);
        return length < 0 ? null : rest[..length].ToArray();
    }

    private Result<byte[]> ReadLong(UserAddress address)
    {
        _long ??= new byte[ExecStrings.MaxStringBytes];
        return memory.ReadString(address, _long, Errno.E2BIG).Failed(out int length, out Errno error)
            ? error
            : _long[..length];
    }
}
