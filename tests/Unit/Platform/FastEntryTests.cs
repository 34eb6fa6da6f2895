using Iced.Intel;
using Sandbox.Platform.Shortcuts.Page;
using Sandbox.Platform.Shortcuts.Rewriting;
using Xunit;

namespace Sandbox.UnitTests.Platform;

/// <summary>A rewritten call leads through its entry, and faults where a thread must not go on in it.</summary>
public sealed class FastEntryTests
{
    private const ulong Address = 0x40_1000;

    private static readonly byte[] _number = [0xB8, 0x27, 0, 0, 0, 0x0F, 0x05, 0xC3, 0, 0, 0, 0, 0];
    private static readonly byte[] _read = [
        0x74, 0x13, 0x90, 0x31, 0xC0, 0x0F, 0x05, 0x48, 0x3D, 0x00, 0xF0, 0xFF, 0xFF];
    private static readonly byte[] _go = [0x89, 0xC7, 0x48, 0x89, 0xDF, 0x0F, 0x05, 0x48, 0x3D, 0x01, 0xF0, 0xFF, 0xFF];

    public static TheoryData<byte[], int, bool> Known => new()
    {
        { _number, 5, false },
        { new byte[] { 0x4C, 0x8B, 0x4C, 0x24, 0x08, 0x0F, 0x05, 0x48, 0x3D, 0x01, 0xF0, 0xFF, 0xFF }, 5, false },
        { _read, 2, true },
        { _go, 3, true },
    };

    [Theory, MemberData(nameof(Known))]
    public void Known_calls_are_recognized(byte[] code, int syscallOffset, bool hasCompare)
    {
        Assert.True(CallSite.TryRecognize(code.AsSpan(0, 7), code.AsSpan(7), out CallSite site));
        Assert.Equal(new CallSite(syscallOffset, hasCompare), site);
    }

    [Theory]
    [InlineData(new byte[] { 0xB8, 0x27, 0, 0, 0x80, 0x0F, 0x05 }, new byte[] { 0x48, 0x3D, 0x00, 0xF0, 0xFF, 0xFF })]
    [InlineData(
        new byte[] { 0x74, 0x13, 0x90, 0x31, 0xC0, 0x0F, 0x05 }, new byte[] { 0x48, 0x3D, 0x02, 0xF0, 0xFF, 0xFF })]
    [InlineData(new byte[] { 0x74, 0x13, 0x90, 0x31, 0xC0, 0x0F, 0x05 }, new byte[] { 0x48, 0x3D, 0x00, 0xF0, 0xFF })]
    [InlineData(
        new byte[] { 0x74, 0x13, 0x90, 0x31, 0xC9, 0x0F, 0x05 }, new byte[] { 0x48, 0x3D, 0x00, 0xF0, 0xFF, 0xFF })]
    [InlineData(new byte[] { 0xB8, 0x27, 0, 0, 0, 0x0F, 0x34 }, new byte[] { 0x48, 0x3D, 0x00, 0xF0, 0xFF, 0xFF })]
    public void Others_are_not(byte[] before, byte[] after) =>
        Assert.False(CallSite.TryRecognize(before, after, out _));

    [Theory]
    [InlineData(new byte[] { 0x74, 0x01, 0x90, 0x0F, 0x05 }, 3, true)]
    [InlineData(new byte[] { 0x90, 0x0F, 0x05, 0xEB, 0xFC }, 1, true)]
    [InlineData(new byte[] { 0xE9, 0x01, 0, 0, 0, 0x90, 0x0F, 0x05 }, 6, true)]
    [InlineData(new byte[] { 0x0F, 0x84, 0x00, 0, 0, 0, 0x0F, 0x05 }, 6, true)]
    [InlineData(new byte[] { 0x74, 0x13, 0x31, 0xC0, 0x0F, 0x05, 0x48, 0x3D }, 4, false)]
    public void Branches_are_seen(byte[] code, int target, bool isThere) =>
        Assert.Equal(isThere, CallSite.HasBranchTo(code, target));

    [Theory, MemberData(nameof(Known))]
    public void A_rewritten_call_faults_where_its_instructions_were(byte[] code, int syscallOffset, bool hasCompare)
    {
        CallSite site = new(syscallOffset, hasCompare);
        HashSet<ulong> pointers = [];
        for (int used = 0; FastEntry.PointerOf(site, used, used) is ulong pointer && pointer != 0; used++)
        {
            if (used == FastEntry.MaxEntries)
                break;
            Assert.True(pointers.Add(pointer));
            Assert.InRange(
                pointer, FastLayout.TableStart, FastLayout.TableStart + FastLayout.TableBytes - sizeof(ulong));
            byte[] rewritten = code[(7 - site.ReturnOffset)..];
            CallSite.WriteJump(rewritten, pointer);
            Assert.True(CallSite.IsJump(BitConverter.ToUInt32(rewritten)));
            Instruction jump = Decode(rewritten, Address);
            Assert.Equal((Mnemonic.Jmp, CallSite.JumpBytes), (jump.Mnemonic, jump.Length));
            Assert.Equal(pointer, jump.MemoryDisplacement64);
            if (!site.MustNotBeEntered)
                Assert.Equal(FastLayout.InvalidOpcode, rewritten[site.SyscallOffset]);
            if (hasCompare)
                Assert.Equal(FastLayout.InvalidOpcode, rewritten[site.ReturnOffset]);
            else
                Assert.Equal(CallSite.JumpBytes, site.ReturnOffset);
        }

        Assert.True(pointers.Count >= 3);
        Assert.Equal(Mnemonic.INVALID, Decode([FastLayout.InvalidOpcode, 0], Address).Mnemonic);
    }

    [Fact]
    public void Pointers_overlap_neither_each_other_nor_entries_nor_code()
    {
        List<ulong> all = [];
        foreach (CallSite site in new CallSite[] { new(2, true), new(3, true) })
        {
            for (int used = 0; FastEntry.PointerOf(site, used, used) is ulong pointer && pointer != 0; used++)
                all.Add(pointer);
        }

        all.Sort();
        Assert.True(all[0] >= FastLayout.TableStart + FastLayout.CodeOffset + (ulong)FastCode.Bytes.Length);
        Assert.All(all.Zip(all.Skip(1)), pair => Assert.True(pair.Second - pair.First >= sizeof(ulong)));
        Assert.True(all[^1] + sizeof(ulong) <= FastEntry.EntryOf(0));
        Assert.True(FastEntry.EntryOf(FastEntry.MaxEntries) <= FastLayout.TableStart + FastLayout.TableBytes);
    }

    [Theory, MemberData(nameof(Known))]
    public void An_entry_repeats_the_call_and_returns_behind_it(byte[] code, int syscallOffset, bool hasCompare)
    {
        CallSite site = new(syscallOffset, hasCompare);
        byte[] entry = new byte[FastEntry.Bytes];
        byte[] text = code[(7 - site.ReturnOffset)..];
        ulong start = FastEntry.EntryOf(1);
        FastEntry.Write(entry, start, Address, site, text);
        Assert.Equal(start + FastEntry.Code, BitConverter.ToUInt64(entry));
        int end = FastEntry.Code + syscallOffset;
        Assert.Equal(text[..syscallOffset], entry[FastEntry.Code..end]);
        if (end != FastEntry.Link)
        {
            Instruction filler = Decode(entry[end..], start);
            Assert.Equal((Mnemonic.Nop, FastEntry.Link - end), (filler.Mnemonic, filler.Length));
        }

        Instruction link = Decode(entry[FastEntry.Link..], start + FastEntry.Link);
        Assert.Equal((Mnemonic.Mov, Register.R11D), (link.Mnemonic, link.Op0Register));
        Assert.Equal(start + FastEntry.Call, link.Immediate32);
        Instruction jump = Decode(entry[FastEntry.Jump..], start + FastEntry.Jump);
        Assert.Equal(FastLayout.TableStart, jump.NearBranchTarget);
        Assert.Equal(FastEntry.Call, FastEntry.Jump + jump.Length);
        Assert.Equal([0x0F, 0x05], entry[FastEntry.Call..FastEntry.Return]);
        if (hasCompare)
            Assert.Equal(text[site.ReturnOffset..site.EndOffset], entry[FastEntry.Return..FastEntry.Leave]);
        foreach (int offset in hasCompare ? new[] { FastEntry.Leave } : [FastEntry.Return, FastEntry.Leave])
        {
            Instruction back = Decode(entry[offset..], start + (ulong)offset);
            Assert.Equal(start + FastEntry.Target, back.IPRelativeMemoryAddress);
        }

        Assert.Equal(Address + (ulong)site.EndOffset, BitConverter.ToUInt64(entry, FastEntry.Target));
    }

    private static Instruction Decode(byte[] code, ulong address)
    {
        Decoder decoder = Decoder.Create(64, code);
        decoder.IP = address;
        return decoder.Decode();
    }
}
