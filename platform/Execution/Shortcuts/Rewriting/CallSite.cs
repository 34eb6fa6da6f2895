using System.Buffers.Binary;

namespace Sandbox.Platform.Shortcuts.Rewriting;

/// <summary>
/// What stands around a system call that can be rewritten. The new bytes are one jump of seven, over the instruction
/// before syscall, syscall, and where that is not enough the comparison behind it. Of the old instructions' addresses
/// within the jump, each that a thread can come to by itself holds a byte that is no instruction:
/// it faults there and is set right.
/// </summary>
/// <param name="SyscallOffset">Bytes of the first instruction.</param>
/// <param name="HasCompare">The entry executes the comparison, too.</param>
internal readonly record struct CallSite(int SyscallOffset, bool HasCompare)
{
    /// <summary>Bytes of the jump; of syscall and the longest instruction before it; of the comparison.</summary>
    public const int JumpBytes = 7, CallBytes = 7, CompareBytes = 6;

    /// <summary>A branch with a distance of one byte starts at most so far away from its target.</summary>
    public const int ShortBranchBytes = 130;

    private const int SyscallBytes = 2;

    /// <summary>Offset of the instruction behind syscall, where a thread returns to.</summary>
    public int ReturnOffset => SyscallOffset + SyscallBytes;

    /// <summary>Offset of the first instruction that the entry does not execute itself.</summary>
    public int EndOffset => ReturnOffset + (HasCompare ? CompareBytes : 0);

    /// <summary>True if a branch to syscall itself would not be noticed, so that there must not be one.</summary>
    public bool MustNotBeEntered => SyscallOffset == 2;

    /// <summary>
    /// Recognizes <c>mov eax, number</c> and libc's syscall(3), <c>mov r9, [rsp+8]</c>; and before a comparison of rax
    /// with an error number, <c>xor eax, eax</c> (libc's read) and <c>mov rdi, rbx</c> (Go).
    /// </summary>
    /// <param name="before">The bytes up to and with syscall.</param>
    /// <param name="after">The bytes behind it, as far as there are any.</param>
    /// <param name="site">What was found.</param>
    public static bool TryRecognize(ReadOnlySpan<byte> before, ReadOnlySpan<byte> after, out CallSite site)
    {
        ReadOnlySpan<byte> loadSixth = [0x4C, 0x8B, 0x4C, 0x24, 0x08], zero = [0x31, 0xC0], moveFirst = [
            0x48, 0x89, 0xDF];
        site = default;
        if (before.Length != CallBytes || before[5] != 0x0F || before[6] != 0x05)
            return false;
        ReadOnlySpan<byte> first = before[..5];
        if ((first[0] == 0xB8 && first[3] == 0 && first[4] == 0) || first.SequenceEqual(loadSixth))
            site = new CallSite(5, false);
        else if (first.EndsWith(zero) && IsCompare(after))
            site = new CallSite(2, true);
        else if (first.EndsWith(moveFirst) && IsCompare(after))
            site = new CallSite(3, true);
        return site.SyscallOffset != 0;
    }

    /// <summary>
    /// True if some byte of the code, taken for the start of a branch, leads to <paramref name="target"/>. The code
    /// should reach <see cref="ShortBranchBytes"/> to both sides.
    /// </summary>
    public static bool HasBranchTo(ReadOnlySpan<byte> code, int target)
    {
        for (int i = 0; i + 1 < code.Length; i++)
        {
            byte opcode = code[i];
            if (opcode is (>= 0x70 and <= 0x7F) or (>= 0xE0 and <= 0xE3) or 0xEB
                && i + 2 + (sbyte)code[i + 1] == target)
                return true;
            int distance = opcode is 0xE8 or 0xE9
                ? i + 1
                : opcode == 0x0F && code[i + 1] is >= 0x80 and <= 0x8F ? i + 2 : -1;
            if (distance > 0 && distance + 4 <= code.Length
                && distance + 4L + BinaryPrimitives.ReadInt32LittleEndian(code[distance..]) == target)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The first four bytes are such a jump's.</summary>
    public static bool IsJump(uint code) => (code & 0xFF_FFFF) == 0x25_24FF;

    /// <summary>jmp [pointer]: ff 24 25 and the pointer's address (<see cref="FastEntry.PointerOf"/>).</summary>
    public static void WriteJump(Span<byte> code, ulong pointer)
    {
        ReadOnlySpan<byte> jump = [0xFF, 0x24, 0x25];
        jump.CopyTo(code);
        BinaryPrimitives.WriteUInt32LittleEndian(code[3..], (uint)pointer);
    }

    /// <summary><c>cmp rax, -4096</c> or <c>cmp rax, -4095</c>.</summary>
    private static bool IsCompare(ReadOnlySpan<byte> code) =>
        code.Length >= CompareBytes && code[0] == 0x48 && code[1] == 0x3D && code[2] <= 1 && code[3] == 0xF0
        && code[4] == 0xFF && code[5] == 0xFF;
}
