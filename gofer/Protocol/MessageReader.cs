using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sandbox.Linux;

namespace Sandbox.Gofer.Protocol;

/// <summary>
/// Takes a received packet apart, front to back. Every step checks what is left and answers EPROTO when the sender
/// lied; text is copied nowhere, spans point into the packet.
/// </summary>
public ref struct MessageReader(ReadOnlySpan<byte> message)
{
    private ReadOnlySpan<byte> _rest = message;

    /// <summary>Bytes not taken yet.</summary>
    public readonly int RemainingBytes => _rest.Length;

    /// <summary>The next <typeparamref name="T"/>. Errors: EPROTO.</summary>
    public Errno Read<T>(out T value) where T : unmanaged
    {
        if (_rest.Length < Unsafe.SizeOf<T>())
        {
            value = default;
            return Errno.EPROTO;
        }

        value = MemoryMarshal.Read<T>(_rest);
        _rest = _rest[Unsafe.SizeOf<T>()..];
        return Errno.Ok;
    }

    /// <summary>The next <paramref name="length"/> raw bytes. Errors: EPROTO.</summary>
    public Errno ReadBytes(int length, out ReadOnlySpan<byte> bytes)
    {
        bytes = default;
        if (length < 0 || length > _rest.Length)
            return Errno.EPROTO;
        bytes = _rest[..length];
        _rest = _rest[length..];
        return Errno.Ok;
    }

    /// <summary>
    /// A text as <see cref="MessageWriter.WriteText"/> wrote it: length, bytes, NUL. The span includes the NUL, so that
    /// it can go to the host as it is; an empty text is an empty span. What is inside is the caller's to check. Errors:
    /// EPROTO.
    /// </summary>
    public Errno ReadText(out ReadOnlySpan<byte> textWithNul)
    {
        textWithNul = default;
        if (_rest.Length < sizeof(ushort))
            return Errno.EPROTO;
        int length = BinaryPrimitives.ReadUInt16LittleEndian(_rest);
        if (_rest.Length < sizeof(ushort) + length + 1 || _rest[sizeof(ushort) + length] != 0)
            return Errno.EPROTO;
        if (length > 0)
            textWithNul = _rest.Slice(sizeof(ushort), length + 1);
        _rest = _rest[(sizeof(ushort) + length + 1)..];
        return Errno.Ok;
    }

    /// <summary>
    /// One path component, with its NUL. Errors: EPROTO, and those of <see cref="NameRules.CheckComponent"/>.
    /// </summary>
    public Errno ReadName(out ReadOnlySpan<byte> nameWithNul)
    {
        if (ReadText(out nameWithNul) is not Errno.Ok and Errno error)
            return error;
        return nameWithNul.IsEmpty ? Errno.ENOENT : NameRules.CheckComponent(nameWithNul[..^1]);
    }

    /// <summary>
    /// Components with single slashes between, each as <see cref="ReadName"/> has it, with the NUL. Errors: EPROTO,
    /// ENAMETOOLONG, and those of <see cref="NameRules.CheckComponent"/>.
    /// </summary>
    public Errno ReadPath(out ReadOnlySpan<byte> pathWithNul)
    {
        if (ReadText(out pathWithNul) is not Errno.Ok and Errno error)
            return error;
        if (pathWithNul.IsEmpty)
            return Errno.ENOENT;
        if (pathWithNul.Length - 1 > GoferLimits.PathBytesMax)
            return Errno.ENAMETOOLONG;
        ReadOnlySpan<byte> path = pathWithNul[..^1];
        foreach (Range component in path.Split((byte)'/'))
        {
            if (NameRules.CheckComponent(path[component]) is not Errno.Ok and Errno bad)
                return bad;
        }

        return Errno.Ok;
    }

    /// <summary>As <see cref="ReadName"/>, but an empty one (an empty span) means the handle itself.</summary>
    public Errno ReadOptionalName(out ReadOnlySpan<byte> nameWithNul)
    {
        if (ReadText(out nameWithNul) is not Errno.Ok and Errno error)
            return error;
        return nameWithNul.IsEmpty ? Errno.Ok : NameRules.CheckComponent(nameWithNul[..^1]);
    }

    /// <summary>Ok if nothing is left. Errors: EPROTO.</summary>
    public readonly Errno End() => _rest.IsEmpty ? Errno.Ok : Errno.EPROTO;
}
