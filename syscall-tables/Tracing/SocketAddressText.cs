using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using Sandbox.Linux;
using Sandbox.Sentry.Memory;

namespace Sandbox.SyscallTables.Tracing;

/// <summary>Writes a sockaddr (unix(7), ip(7), ipv6(7), netlink(7)).</summary>
internal static class SocketAddressText
{
    private const int LargestBytes = 128, FamilyBytes = 2;

    /// <summary>An address of so many bytes; null if it cannot be read.</summary>
    public static string? Read(UserMemory memory, ulong address, ulong length)
    {
        if (length < FamilyBytes || length > LargestBytes)
            return null;
        byte[] bytes = new byte[(int)length];
        return memory.Read(new UserAddress(address), bytes) == Errno.Ok ? Of(bytes) : null;
    }

    /// <summary>An address whose length stands at another.</summary>
    public static string? ReadCounted(UserMemory memory, ulong address, ulong lengthAddress) =>
        memory.Read(new UserPtr<uint>(new UserAddress(lengthAddress)), out uint length) == Errno.Ok
            ? Read(memory, address, Math.Min(length, LargestBytes))
            : null;

    /// <summary>The text of an address.</summary>
    public static string Of(ReadOnlySpan<byte> bytes)
    {
        const int unix = 1, inet = 2, inet6 = 10, netlink = 16;
        int family = BinaryPrimitives.ReadUInt16LittleEndian(bytes);
        ReadOnlySpan<byte> rest = bytes[FamilyBytes..];
        string? text = family switch
        {
            unix => Path(rest),
            inet when rest.Length >= 6 => $"{new IPAddress(rest.Slice(2, 4))}:{Port(rest)}",
            inet6 when rest.Length >= 22 => $"[{new IPAddress(rest.Slice(6, 16))}]:{Port(rest)}",
            netlink when rest.Length >= 10 => string.Create(
                CultureInfo.InvariantCulture,
                $"pid={BinaryPrimitives.ReadUInt32LittleEndian(rest[2..])}, groups={
                    BinaryPrimitives.ReadUInt32LittleEndian(rest[6..]):x}"),
            _ => null,
        };
        return $"{{{SocketNames.Domain.Describe((ulong)family)}{(text is null ? "" : ", " + text)}}}";
    }

    private static string Port(ReadOnlySpan<byte> bytes) =>
        BinaryPrimitives.ReadUInt16BigEndian(bytes).ToString(CultureInfo.InvariantCulture);

    // A name that starts with a NUL is an abstract one, and every byte of it counts.
    private static string? Path(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
            return null;
        if (bytes[0] == 0)
            return "@" + ArgumentText.Quoted(bytes[1..]);
        int end = bytes.IndexOf((byte)0);
        return ArgumentText.Quoted(end < 0 ? bytes : bytes[..end]);
    }
}
