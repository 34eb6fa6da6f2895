using System.Buffers.Binary;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>
/// The XSAVE area of a signal frame (struct _xstate, struct _fpx_sw_bytes; arch/x86/include/uapi/asm/sigcontext.h):
/// FXSAVE's 512 bytes, whose last 48 say what follows, the 64-byte XSAVE header, the components, a closing magic word.
/// </summary>
internal static class ExtendedStateLayout
{
    public const int LegacyBytes = 512;

    private const int SoftwareBytesOffset = 464, HeaderBytes = 64;
    private const uint Magic1 = 0x46505853, Magic2 = 0x46505845;

    /// <summary>x87 and SSE of XSTATE_BV.</summary>
    private const ulong LegacyComponents = 3;

    /// <summary>True if the area says it is an XSAVE area and its sizes and magic words hold together.</summary>
    public static bool IsComplete(ReadOnlySpan<byte> area)
    {
        if (area.Length < LegacyBytes + HeaderBytes + sizeof(uint))
            return false;
        ReadOnlySpan<byte> software = area[SoftwareBytesOffset..];
        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(software);
        uint extendedSize = BinaryPrimitives.ReadUInt32LittleEndian(software[4..]);
        uint stateSize = BinaryPrimitives.ReadUInt32LittleEndian(software[16..]);
        if (magic != Magic1 || stateSize < LegacyBytes + HeaderBytes || stateSize > extendedSize
            || extendedSize > area.Length)
            return false;
        return stateSize + sizeof(uint) <= (uint)area.Length
            && BinaryPrimitives.ReadUInt32LittleEndian(area[(int)stateSize..]) == Magic2;
    }

    /// <summary>
    /// Makes <paramref name="area"/> (a complete one of this machine) say: x87 and SSE as in <paramref name="legacy"/>,
    /// everything else initial.
    /// </summary>
    public static void KeepLegacyOnly(Span<byte> area, ReadOnlySpan<byte> legacy)
    {
        legacy[..SoftwareBytesOffset].CopyTo(area);
        if (area.Length >= LegacyBytes + HeaderBytes)
            BinaryPrimitives.WriteUInt64LittleEndian(area[LegacyBytes..], LegacyComponents);
    }
}
