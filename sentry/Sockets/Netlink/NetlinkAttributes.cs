using System.Buffers.Binary;

namespace Sandbox.Sentry.Sockets.Netlink;

/// <summary>Takes the attributes of a netlink message apart (struct nlattr), one at a time.</summary>
internal ref struct NetlinkAttributes(ReadOnlySpan<byte> bytes)
{
    private const int HeaderBytes = 4, TypeMask = 0x3FFF;

    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>The next one, or false at the end or where no whole attribute is.</summary>
    public bool Next(out int type, out ReadOnlySpan<byte> value)
    {
        type = 0;
        value = default;
        if (_rest.Length < HeaderBytes)
            return false;
        int length = BinaryPrimitives.ReadUInt16LittleEndian(_rest);
        if (length < HeaderBytes || length > _rest.Length)
            return false;
        type = BinaryPrimitives.ReadUInt16LittleEndian(_rest[2..]) & TypeMask;
        value = _rest[HeaderBytes..length];
        _rest = _rest[Math.Min((length + 3) & ~3, _rest.Length)..];
        return true;
    }
}
