namespace Sandbox.Linux;

/// <summary>
/// Extended attributes by path, following links (xattr(7)). Paths and names end in a NUL that is part of the span.
/// </summary>
public static unsafe class HostXattr
{
    /// <summary>
    /// getxattr(2): the value's length; an empty buffer asks for it only. Errors: ENODATA, ERANGE, EOPNOTSUPP.
    /// </summary>
    public static Result<int> Get(ReadOnlySpan<byte> pathWithNul, ReadOnlySpan<byte> nameWithNul, Span<byte> value)
    {
        if (!IsTerminated(pathWithNul) || !IsTerminated(nameWithNul))
            return Errno.EINVAL;
        fixed (byte* path = pathWithNul, name = nameWithNul, start = value)
            return HostSyscall.AsInt(HostSyscall.CallRetrying(
                Sys.getxattr, (long)path, (long)name, (long)start, value.Length));
    }

    /// <summary>setxattr(2).</summary>
    public static Errno Set(
        ReadOnlySpan<byte> pathWithNul, ReadOnlySpan<byte> nameWithNul, ReadOnlySpan<byte> value, uint flags)
    {
        if (!IsTerminated(pathWithNul) || !IsTerminated(nameWithNul))
            return Errno.EINVAL;
        fixed (byte* path = pathWithNul, name = nameWithNul, start = value)
            return HostSyscall.ErrorOf(HostSyscall.CallRetrying(
                Sys.setxattr, (long)path, (long)name, (long)start, value.Length, flags));
    }

    /// <summary>
    /// listxattr(2): NUL-terminated names one after the other; an empty buffer asks for the length only.
    /// </summary>
    public static Result<int> List(ReadOnlySpan<byte> pathWithNul, Span<byte> names)
    {
        if (!IsTerminated(pathWithNul))
            return Errno.EINVAL;
        fixed (byte* path = pathWithNul, start = names)
            return HostSyscall.AsInt(HostSyscall.CallRetrying(Sys.listxattr, (long)path, (long)start, names.Length));
    }

    /// <summary>removexattr(2).</summary>
    public static Errno Remove(ReadOnlySpan<byte> pathWithNul, ReadOnlySpan<byte> nameWithNul)
    {
        if (!IsTerminated(pathWithNul) || !IsTerminated(nameWithNul))
            return Errno.EINVAL;
        fixed (byte* path = pathWithNul, name = nameWithNul)
            return HostSyscall.ErrorOf(HostSyscall.CallRetrying(Sys.removexattr, (long)path, (long)name));
    }

    private static bool IsTerminated(ReadOnlySpan<byte> path) => !path.IsEmpty && path[^1] == 0;
}
