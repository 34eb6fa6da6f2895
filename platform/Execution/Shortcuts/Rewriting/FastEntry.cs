using System.Buffers.Binary;
using Sandbox.Platform.Shortcuts.Page;

namespace Sandbox.Platform.Shortcuts.Rewriting;

/// <summary>
/// The entry of one rewritten call in the table: the instruction before the call, the way to the shared code, the real
/// system call, the comparison behind it where the jump took that, too, and the way back.
/// </summary>
internal static class FastEntry
{
    public const int Bytes = 48;

    /// <summary>How many entries the table has room for.</summary>
    public const int MaxEntries = (FastLayout.TableBytes - FastLayout.EntriesOffset) / Bytes;

    /// <summary>
    /// Offsets in an entry: the pointer that the rewritten call jumps through, the copied first instruction, what
    /// follows it, the real system call, where that returns to, the jump out behind the comparison, and its target.
    /// </summary>
    public const int Pointer = 0, Code = 8, Link = 13, Jump = 19, Call = 24, Return = 26, Leave = 32, Target = 40;

    public static ulong EntryOf(int index) => FastLayout.TableStart + FastLayout.EntriesOffset + ((ulong)index * Bytes);

    /// <summary>
    /// The address of a pointer for a call like <paramref name="site"/>, so that the jump through it has invalid bytes
    /// where it must. <paramref name="used"/>: how many calls like this there are already. 0 if there can be no more.
    /// </summary>
    public static ulong PointerOf(in CallSite site, int index, int used)
    {
        const ulong secondByte = FastLayout.TableStart + ((ulong)FastLayout.InvalidOpcode << 8);
        const int secondByteCount = 0x100 / sizeof(ulong);
        ReadOnlySpan<ulong> firstByte = [
            FastLayout.TableStart + 0x406, FastLayout.TableStart + 0x506, FastLayout.TableStart + 0x706];
        return site.SyscallOffset switch
        {
            2 => used < secondByteCount ? secondByte + ((ulong)used * sizeof(ulong)) : 0,
            3 => used < firstByte.Length ? firstByte[used] : 0,
            _ => EntryOf(index),
        };
    }

    /// <summary>Writes the entry at <paramref name="start"/> of the call at <paramref name="address"/>.</summary>
    /// <param name="entry">The entry's bytes.</param>
    /// <param name="start">Where they will lie.</param>
    /// <param name="address">Where the call's first instruction lies.</param>
    /// <param name="site">What the call looks like.</param>
    /// <param name="code">The call's bytes, to the end of what the entry executes.</param>
    public static void Write(Span<byte> entry, ulong start, ulong address, in CallSite site, ReadOnlySpan<byte> code)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(entry, start + Code);
        code[..site.SyscallOffset].CopyTo(entry[Code..]);
        ReadOnlySpan<byte> threeBytes = [0x0F, 0x1F, 0x00], twoBytes = [0x66, 0x90]; // nop
        (site.SyscallOffset switch { 2 => threeBytes, 3 => twoBytes, _ => [] }).CopyTo(
            entry[(Code + site.SyscallOffset)..]);
        ReadOnlySpan<byte> link = [0x41, 0xBB]; // mov r11d, the real call
        link.CopyTo(entry[Link..]);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[(Link + 2)..], (uint)start + Call);
        entry[Jump] = 0xE9; // jmp to the shared code
        long distance = (long)(FastLayout.TableStart + FastLayout.CodeOffset) - (long)(start + Call);
        BinaryPrimitives.WriteInt32LittleEndian(entry[(Jump + 1)..], (int)distance);
        (entry[Call], entry[Call + 1]) = (0x0F, 0x05);
        if (site.HasCompare)
            code.Slice(site.ReturnOffset, CallSite.CompareBytes).CopyTo(entry[Return..]);
        else
            WriteLeave(entry, Return);
        WriteLeave(entry, Leave);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[Target..], address + (ulong)site.EndOffset);
    }

    /// <summary>jmp through <see cref="Target"/>.</summary>
    private static void WriteLeave(Span<byte> entry, int offset)
    {
        const int jumpBytes = 6;
        (entry[offset], entry[offset + 1]) = (0xFF, 0x25);
        BinaryPrimitives.WriteInt32LittleEndian(entry[(offset + 2)..], Target - offset - jumpBytes);
    }
}
