using System.Buffers.Binary;
using Sandbox.Linux;

namespace Sandbox.Platform.Ptrace;

/// <summary>
/// The extended state of a tracee, between the form that ptrace(2) has (an XSAVE image with the processor's features at
/// byte 464) and the one of a signal frame (the FP_XSTATE_MAGIC words there and behind, asm/sigcontext.h).
/// </summary>
internal static class ExtendedState
{
    public const int MaxBytes = 24 << 10;

    private const int LegacyBytes = 512, SoftwareOffset = 464, SoftwareBytes = 48, HeaderOffset = 512, HeaderBytes = 64;
    private const int ControlOffset = 24; // MXCSR and its mask
    private const int MagicBytes = 4;
    private const uint Magic1 = 0x46505853, Magic2 = 0x46505845;
    private const ulong LegacyFeatures = 3;

    /// <summary>How much a signal frame needs for an image of this length.</summary>
    public static int FrameBytes(int imageBytes) => imageBytes + MagicBytes;

    /// <summary>The length of the tracee's image.</summary>
    public static Result<int> Measure(int tid)
    {
        Span<byte> image = stackalloc byte[MaxBytes];
        return HostPtrace.GetExtendedState(tid, image);
    }

    /// <summary>In the form of a signal frame; gives the length.</summary>
    public static Result<int> Read(int tid, int imageBytes, Span<byte> frame)
    {
        if (frame.Length < FrameBytes(imageBytes))
            return Errno.EINVAL;
        if (HostPtrace.GetExtendedState(tid, frame[..imageBytes]).Failed(out _, out Errno error))
            return error;
        Span<byte> software = frame.Slice(SoftwareOffset, SoftwareBytes);
        ulong features = BinaryPrimitives.ReadUInt64LittleEndian(software);
        software.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(software, Magic1);
        BinaryPrimitives.WriteUInt32LittleEndian(software[4..], (uint)FrameBytes(imageBytes));
        BinaryPrimitives.WriteUInt64LittleEndian(software[8..], features);
        BinaryPrimitives.WriteUInt32LittleEndian(software[16..], (uint)imageBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[imageBytes..], Magic2);
        return FrameBytes(imageBytes);
    }

    /// <summary>
    /// From the form of a signal frame, which is hostile; empty: the initial state. Without the words that say that it
    /// is extended, only its first 512 bytes count, as for the kernel.
    /// </summary>
    public static Errno Write(int tid, int imageBytes, ReadOnlySpan<byte> frame)
    {
        if (!frame.IsEmpty && (frame.Length < LegacyBytes || frame.Length > FrameBytes(imageBytes)))
            return Errno.EINVAL;
        Span<byte> image = stackalloc byte[MaxBytes];
        image = image[..imageBytes];
        if (HostPtrace.GetExtendedState(tid, image).Failed(out _, out Errno error))
            return error;
        ulong features = BinaryPrimitives.ReadUInt64LittleEndian(image[SoftwareOffset..]);
        uint controlMask = BinaryPrimitives.ReadUInt32LittleEndian(image[(ControlOffset + sizeof(uint))..]);
        image.Clear();
        if (frame.IsEmpty)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(image, 0x37F);
            BinaryPrimitives.WriteUInt32LittleEndian(image[ControlOffset..], 0x1F80);
            return HostPtrace.SetExtendedState(tid, image);
        }

        bool isExtended = IsExtended(frame, imageBytes);
        frame[..(isExtended ? imageBytes : LegacyBytes)].CopyTo(image);
        image.Slice(SoftwareOffset, SoftwareBytes).Clear();
        Span<byte> header = image.Slice(HeaderOffset, HeaderBytes);
        ulong present = isExtended ? BinaryPrimitives.ReadUInt64LittleEndian(header) & features : LegacyFeatures;
        header.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(header, present);
        uint control = BinaryPrimitives.ReadUInt32LittleEndian(image[ControlOffset..]);
        if (controlMask != 0 && (control & ~controlMask) != 0)
            return Errno.EINVAL; // The processor would refuse it, and so does a kernel that returns from a signal.
        return HostPtrace.SetExtendedState(tid, image);
    }

    private static bool IsExtended(ReadOnlySpan<byte> frame, int imageBytes) =>
        frame.Length >= FrameBytes(imageBytes)
        && BinaryPrimitives.ReadUInt32LittleEndian(frame[SoftwareOffset..]) == Magic1
        && BinaryPrimitives.ReadUInt32LittleEndian(frame[(SoftwareOffset + 16)..]) <= (uint)imageBytes
        && BinaryPrimitives.ReadUInt32LittleEndian(frame[imageBytes..]) == Magic2;
}
