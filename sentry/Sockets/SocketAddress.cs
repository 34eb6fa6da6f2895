using System.Buffers.Binary;

namespace Sandbox.Sentry.Sockets;

/// <summary>
/// A socket address as the guest writes it (struct sockaddr and its forms): family, then what the family wants.
/// Immutable.
/// </summary>
internal sealed class SocketAddress
{
    /// <summary>sizeof(struct sockaddr_storage).</summary>
    public const int MaxBytes = 128;

    private readonly byte[] _bytes;

    /// <summary>At least the two bytes of the family, at most <see cref="MaxBytes"/>.</summary>
    public SocketAddress(ReadOnlySpan<byte> bytes) => _bytes = bytes.ToArray();

    /// <summary>An address that is a family and nothing else (an unbound unix socket).</summary>
    public static SocketAddress OfFamily(int family)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ushort)];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)family);
        return new SocketAddress(bytes);
    }

    public ReadOnlySpan<byte> Bytes => _bytes;

    public int Family => BinaryPrimitives.ReadUInt16LittleEndian(_bytes);
}
