using Sandbox.Linux;

namespace Sandbox.Gofer.Protocol;

/// <summary>What a name must look like before it may reach the host.</summary>
public static class NameRules
{
    /// <summary>
    /// Ok for one path component: 1 to 255 bytes, no slash, no NUL, neither "." nor "..".
    /// Errors: ENOENT (empty), ENAMETOOLONG, EINVAL.
    /// </summary>
    public static Errno CheckComponent(ReadOnlySpan<byte> name)
    {
        if (name.IsEmpty)
            return Errno.ENOENT;
        if (name.Length > GoferLimits.NameBytesMax)
            return Errno.ENAMETOOLONG;
        if (name.IndexOfAny((byte)'/', (byte)0) >= 0 || name.SequenceEqual("."u8) || name.SequenceEqual(".."u8))
            return Errno.EINVAL;
        return Errno.Ok;
    }

    /// <summary>
    /// Ok for text without NUL of 1 to <paramref name="lengthMax"/> bytes. Errors: ENOENT, ENAMETOOLONG, EINVAL.
    /// </summary>
    public static Errno CheckText(ReadOnlySpan<byte> text, int lengthMax)
    {
        if (text.IsEmpty)
            return Errno.ENOENT;
        if (text.Length > lengthMax)
            return Errno.ENAMETOOLONG;
        return text.Contains((byte)0) ? Errno.EINVAL : Errno.Ok;
    }
}
