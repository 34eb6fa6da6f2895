using System.Buffers.Binary;

namespace Sandbox.Platform.Stub;

/// <summary>
/// The seven bytes of a system call that can be rewritten: one instruction of five bytes, then syscall. The new bytes are
/// one jump, and its sixth byte is no instruction: a thread that stood between the two faults there and is set right.
/// </summary>
internal static class CallSite
{
    public const int Bytes = 7, SyscallOffset = 5;

    /// <summary>
    /// True for <c>mov eax, number</c> and for <c>mov r9, [rsp+8]</c> (libc's syscall(3)), followed by syscall.
    /// </summary>
    public static bool IsKnown(ReadOnlySpan<byte> code)
    {
        ReadOnlySpan<byte> loadSixth = [0x4C, 0x8B, 0x4C, 0x24, 0x08];
        return code[5] == 0x0F && code[6] == 0x05
            && ((code[0] == 0xB8 && code[3] == 0 && code[4] == 0) || code[..SyscallOffset].SequenceEqual(loadSixth));
    }

    /// <summary>jmp [the entry's pointer]: ff 24 25 and its address, of which the third byte is the invalid one.</summary>
    public static void WriteJump(Span<byte> code, int index)
    {
        ReadOnlySpan<byte> jump = [0xFF, 0x24, 0x25];
        jump.CopyTo(code);
        BinaryPrimitives.WriteUInt32LittleEndian(code[3..], (uint)FastLayout.EntryOf(index));
    }
}
