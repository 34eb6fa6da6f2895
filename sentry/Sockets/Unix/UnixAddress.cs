using Sandbox.Linux;

namespace Sandbox.Sentry.Sockets.Unix;

/// <summary>struct sockaddr_un taken apart (unix(7), "Address format").</summary>
internal readonly ref struct UnixAddress
{
    /// <summary>sun_path, bytes.</summary>
    public const int MaxPathBytes = 108;

    private const int FamilyBytes = 2;

    private UnixAddress(UnixAddressKind kind, ReadOnlySpan<byte> name)
    {
        Kind = kind;
        Name = name;
    }

    public UnixAddressKind Kind { get; }

    /// <summary>The path without a NUL, or the abstract name without its leading NUL.</summary>
    public ReadOnlySpan<byte> Name { get; }

    /// <summary>EINVAL for another family or a wrong length.</summary>
    public static Errno Parse(SocketAddress address, out UnixAddress parsed)
    {
        parsed = default;
        ReadOnlySpan<byte> bytes = address.Bytes;
        if (address.Family != AddressFamily.Unix || bytes.Length > FamilyBytes + MaxPathBytes)
            return Errno.EINVAL;
        ReadOnlySpan<byte> path = bytes[FamilyBytes..];
        if (path.IsEmpty)
        {
            parsed = new UnixAddress(UnixAddressKind.Unnamed, default);
        }
        else if (path[0] == 0)
        {
            parsed = new UnixAddress(UnixAddressKind.Abstract, path[1..]);
        }
        else
        {
            int end = path.IndexOf((byte)0);
            parsed = new UnixAddress(UnixAddressKind.Path, end < 0 ? path : path[..end]);
        }

        return Errno.Ok;
    }

    /// <summary>
    /// The address of a bound socket as getsockname(2) gives it: a path with its NUL, an abstract name without.
    /// </summary>
    public static SocketAddress Format(UnixAddressKind kind, ReadOnlySpan<byte> name)
    {
        Span<byte> bytes = stackalloc byte[FamilyBytes + MaxPathBytes + 1];
        bytes.Clear();
        bytes[0] = AddressFamily.Unix;
        bool isAbstract = kind == UnixAddressKind.Abstract;
        name.CopyTo(bytes[(FamilyBytes + (isAbstract ? 1 : 0))..]);
        return new SocketAddress(bytes[..(FamilyBytes + name.Length + 1)]);
    }
}

/// <summary>The three kinds of unix(7) addresses.</summary>
internal enum UnixAddressKind
{
    Unnamed,
    Abstract,
    Path,
}
