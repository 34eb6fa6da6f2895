using System.Buffers.Binary;
using Sandbox.Linux;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>
/// The XSAVE area of a signal frame (struct _xstate, struct _fpx_sw_bytes; arch/x86/include/uapi/asm/sigcontext.h):
/// FXSAVE's 512 bytes, whose last 48 say what follows, the 64-byte XSAVE header, the components, a closing magic word.
/// </summary>
internal static class ExtendedStateLayout
{
    public const int LegacyBytes = 512;

    private const int SoftwareBytesOffset = 464, HeaderBytes = 64, ComponentsOffset = 8, StateSizeOffset = 16;
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
        uint stateSize = BinaryPrimitives.ReadUInt32LittleEndian(software[StateSizeOffset..]);
        if (magic != Magic1 || stateSize < LegacyBytes + HeaderBytes || stateSize > extendedSize
            || extendedSize > area.Length)
            return false;
        return stateSize + sizeof(uint) <= (uint)area.Length
            && BinaryPrimitives.ReadUInt32LittleEndian(area[(int)stateSize..]) == Magic2;
    }

    /// <summary>
    /// Makes a complete area what NT_X86_XSTATE has: the components that the processor's XCR0 enables stand where the
    /// frame describes itself, and nothing follows the components. Gives its size.
    /// </summary>
    public static int MakeNote(Span<byte> area)
    {
        Span<byte> software = area[SoftwareBytesOffset..LegacyBytes];
        ulong components = BinaryPrimitives.ReadUInt64LittleEndian(software[ComponentsOffset..]);
        int size = StateBytes(area);
        software.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(software, components);
        return size;
    }

    /// <summary>
    /// Puts what a debugger wrote as NT_X86_XSTATE into a complete area of this machine. EINVAL for components that
    /// are not there, EFAULT for another size than the area's.
    /// </summary>
    public static Errno TakeNote(Span<byte> area, ReadOnlySpan<byte> note)
    {
        ReadOnlySpan<byte> software = area[SoftwareBytesOffset..LegacyBytes];
        ulong components = BinaryPrimitives.ReadUInt64LittleEndian(software[ComponentsOffset..]);
        if (note.Length != StateBytes(area))
            return Errno.EFAULT;
        ReadOnlySpan<byte> header = note.Slice(LegacyBytes, HeaderBytes);
        if ((BinaryPrimitives.ReadUInt64LittleEndian(header) & ~components) != 0
            || header[sizeof(ulong)..].ContainsAnyExcept((byte)0) || !HasValidControl(area, note))
            return Errno.EINVAL;
        note[..SoftwareBytesOffset].CopyTo(area);
        note[LegacyBytes..].CopyTo(area[LegacyBytes..]);
        return Errno.Ok;
    }

    /// <summary>
    /// Puts what a debugger wrote as FXSAVE's 512 bytes into a complete area; the other components stay. EINVAL.
    /// </summary>
    public static Errno TakeLegacy(Span<byte> area, ReadOnlySpan<byte> legacy)
    {
        if (!HasValidControl(area, legacy))
            return Errno.EINVAL;
        legacy[..SoftwareBytesOffset].CopyTo(area);
        ulong components = BinaryPrimitives.ReadUInt64LittleEndian(area[LegacyBytes..]);
        BinaryPrimitives.WriteUInt64LittleEndian(area[LegacyBytes..], components | LegacyComponents);
        return Errno.Ok;
    }

    /// <summary>Bytes of the components of a complete area, without what a frame puts behind them.</summary>
    public static int StateBytes(ReadOnlySpan<byte> area) =>
        (int)BinaryPrimitives.ReadUInt32LittleEndian(area[(SoftwareBytesOffset + StateSizeOffset)..]);

    // MXCSR has only the bits that this processor knows (MXCSR_MASK): loading others is a fault.
    private static bool HasValidControl(ReadOnlySpan<byte> area, ReadOnlySpan<byte> legacy)
    {
        const int control = 24, mask = 28;
        const uint defaultMask = 0xFFBF;
        uint known = BinaryPrimitives.ReadUInt32LittleEndian(area[mask..]);
        return (BinaryPrimitives.ReadUInt32LittleEndian(legacy[control..]) & ~(known == 0 ? defaultMask : known)) == 0;
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
