using System.Globalization;
using Sandbox.Linux;

namespace Sandbox.Sentry.Filesystems.Tmp;

/// <summary>Mount options of tmpfs (tmpfs(5)); null where the mount said nothing.</summary>
internal readonly record struct TmpOptions
{
    /// <summary>Limit of contents, bytes; 0 means none.</summary>
    public long? SizeBytes { get; init; }

    /// <summary>Limit of inodes; 0 means none.</summary>
    public long? InodeCount { get; init; }

    public uint? Mode { get; init; }
    public uint? UserId { get; init; }
    public uint? GroupId { get; init; }

    /// <summary>Parses "size=64m,mode=1777,…". EINVAL for an unknown option or a malformed number.</summary>
    /// <param name="options">The data argument of mount(2).</param>
    /// <param name="memoryBytes">What percentages refer to.</param>
    public static Result<TmpOptions> Parse(string options, long memoryBytes)
    {
        TmpOptions parsed = default;
        foreach (string option in options.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = option.IndexOf('=', StringComparison.Ordinal);
            string key = equals < 0 ? option : option[..equals];
            string value = equals < 0 ? "" : option[(equals + 1)..];
            Result<TmpOptions> next = parsed.With(key, value, memoryBytes);
            if (next.Failed(out parsed, out Errno error))
                return error;
        }

        return parsed;
    }

    private Result<TmpOptions> With(string key, string value, long memoryBytes)
    {
        switch (key)
        {
            case "size":
                return ParseSize(value, memoryBytes) is { } size ? this with { SizeBytes = size } : Errno.EINVAL;
            case "nr_blocks":
                return ParseSize(value, memoryBytes) is { } blocks and < long.MaxValue / 4096
                    ? this with { SizeBytes = blocks * 4096 }
                    : Errno.EINVAL;
            case "nr_inodes":
                return ParseSize(value, memoryBytes) is { } inodes ? this with { InodeCount = inodes } : Errno.EINVAL;
            case "mode":
                return ParseOctal(value) is { } mode ? this with { Mode = mode & ModeBits.All } : Errno.EINVAL;
            case "uid":
                return uint.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out uint user)
                    ? this with { UserId = user }
                    : Errno.EINVAL;
            case "gid":
                return uint.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out uint group)
                    ? this with { GroupId = group }
                    : Errno.EINVAL;

            // Hints of Linux's tmpfs without a visible effect here.
            case "huge" or "mpol" or "inode32" or "inode64" or "noswap":
                return this;
            default:
                return Errno.EINVAL;
        }
    }

    private static uint? ParseOctal(string text)
    {
        uint value = 0;
        foreach (char digit in text)
        {
            if (digit is < '0' or > '7' || value > ModeBits.All)
                return null;
            value = (value << 3) | (uint)(digit - '0');
        }

        return text.Length == 0 ? null : value;
    }

    private static long? ParseSize(string text, long memoryBytes)
    {
        if (text.Length == 0)
            return null;
        int shift = char.ToLowerInvariant(text[^1]) switch { 'k' => 10, 'm' => 20, 'g' => 30, 't' => 40, _ => 0 };
        bool isPercent = text[^1] == '%';
        string digits = shift != 0 || isPercent ? text[..^1] : text;
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long value))
            return null;
        if (isPercent)
            return value > 100 ? null : memoryBytes / 100 * value;
        return value > long.MaxValue >> shift ? null : value << shift;
    }
}
