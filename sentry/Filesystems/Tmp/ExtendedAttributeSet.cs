using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Tmp;

/// <summary>The extended attributes of one file in memory (xattr(7)). Guarded by the file's lock.</summary>
internal sealed class ExtendedAttributeSet(CollectedCharge charge)
{
    /// <summary>XATTR_SIZE_MAX (limits.h): the longest value, bytes.</summary>
    public const int MaxValueBytes = 65536;

    // XATTR_LIST_MAX bounds the names; values are bounded so that a guest cannot fill the heap with them.
    private const int MaxTotalBytes = 128 * 1024;
    private const int CreateOnly = 1, ReplaceOnly = 2;

    private readonly Dictionary<FileName, byte[]> _values = new(FileName.Comparer);
    private int _totalBytes;

    /// <summary>True for the namespaces that are stored as they come.</summary>
    public static bool IsSupported(ReadOnlySpan<byte> name) =>
        HasPrefix(name, "user."u8) || HasPrefix(name, "trusted."u8) || HasPrefix(name, "security."u8)
        || name.SequenceEqual("system.posix_acl_access"u8) || name.SequenceEqual("system.posix_acl_default"u8);

    /// <summary>The value, or ENODATA.</summary>
    public Result<byte[]> Get(ReadOnlySpan<byte> name) =>
        _values.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(name, out byte[]? value) ? value : Errno.ENODATA;

    /// <summary>EEXIST, ENODATA by the flags; ENOSPC.</summary>
    public Errno Set(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, int flags)
    {
        bool exists = _values.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(name, out byte[]? old);
        if (exists && (flags & CreateOnly) != 0)
            return Errno.EEXIST;
        if (!exists && (flags & ReplaceOnly) != 0)
            return Errno.ENODATA;
        int change = value.Length - (old?.Length ?? -name.Length);
        int cost = change + (exists ? 0 : ObjectCost.ExtendedAttribute);
        if (_totalBytes + change > MaxTotalBytes || (cost > 0 && !charge.TryAddQuietly(cost)))
            return Errno.ENOSPC;
        charge.Remove(Math.Max(0, -cost));
        _totalBytes += change;
        _values[new FileName(name)] = value.ToArray();
        return Errno.Ok;
    }

    /// <summary>ENODATA.</summary>
    public Errno Remove(ReadOnlySpan<byte> name)
    {
        if (!_values.GetAlternateLookup<ReadOnlySpan<byte>>().Remove(name, out _, out byte[]? value))
            return Errno.ENODATA;
        _totalBytes -= value.Length + name.Length;
        charge.Remove(value.Length + name.Length + ObjectCost.ExtendedAttribute);
        return Errno.Ok;
    }

    /// <summary>The file is gone: gives back what they cost.</summary>
    public void Clear()
    {
        charge.Remove(_totalBytes + (_values.Count * ObjectCost.ExtendedAttribute));
        _totalBytes = 0;
        _values.Clear();
    }

    /// <summary>The names, each followed by a NUL.</summary>
    public byte[] List()
    {
        int bytes = 0;
        foreach (FileName name in _values.Keys)
            bytes += name.Length + 1;
        byte[] list = new byte[bytes];
        int end = 0;
        foreach (FileName name in _values.Keys)
        {
            name.Bytes.CopyTo(list.AsSpan(end));
            end += name.Length + 1;
        }

        return list;
    }

    private static bool HasPrefix(ReadOnlySpan<byte> name, ReadOnlySpan<byte> prefix) =>
        name.Length > prefix.Length && name.StartsWith(prefix);
}
