using Iced.Intel;
using Sandbox.Linux;
using Sandbox.Platform.Shortcuts.Page;
using Sandbox.Platform.Shortcuts.Rewriting;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Sandbox.UnitTests.Platform;

/// <summary>The fast path's embedded machine code is what its listing says.</summary>
public sealed class FastCodeTests
{
    [Fact]
    public void The_embedded_bytes_are_the_assembled_listing() =>
        MachineCode.AssertSame("fast path", Assemble(), FastCode.Bytes);

    [Fact]
    public void The_sleep_address_follows_a_syscall_instruction() =>
        Assert.Equal([0x0F, 0x05], FastCode.Bytes.Slice(FastCode.SleepOffset - 2, 2).ToArray());

    [Fact]
    public void The_regions_begin_where_the_offsets_say()
    {
        byte[] self = [0x65, 0x48, 0x8B, 0x0C, 0x25]; // mov rcx, gs:[
        Assert.Equal([FastCode.SelfOffset], OffsetsOf(self));
        byte[] mark = [0x48, 0x81, 0x79, FastLayout.PageMark]; // cmp qword ptr [rcx+38h]
        Assert.Equal([FastCode.MarkOffset], OffsetsOf(mark));
        byte[] post = [0x41, 0x87, 0x0B]; // xchg [r11], ecx
        Assert.Equal(post, FastCode.Bytes.Slice(FastCode.WaitOffset - post.Length, post.Length).ToArray());
        byte[] save = [0x49, 0x89, 0xCB]; // mov r11, rcx
        Assert.Equal(save, FastCode.Bytes.Slice(FastCode.SavedOffset - save.Length, save.Length).ToArray());
        byte[] saved = [0x4D, 0x89, 0x4B, FastLayout.PageArguments + 40]; // mov [r11+70h], r9
        Assert.Equal(saved, FastCode.Bytes.Slice(FastCode.ArgumentsOffset - saved.Length, saved.Length).ToArray());
        byte[] copy = [0xF3, 0xA4]; // rep movsb
        int[] copies = [.. OffsetsOf(copy)];
        Assert.Equal(
            [FastCode.LeaseStatOffset, FastCode.LeaseCopyOffset, FastCode.InputCopyOffset, FastCode.OutputCopyOffset],
            copies);
        byte[] path = [0x80, 0x3F, 0x00]; // cmp byte ptr [rdi], 0
        Assert.Equal([FastCode.LeasePathOffset], OffsetsOf(path));
        byte[] commit = [0xF0, 0x48, 0x0F, 0xB1, 0x11]; // lock cmpxchg [rcx], rdx
        Assert.Equal([FastCode.LeaseCommitOffset - commit.Length], OffsetsOf(commit));
        byte[] done = [0x49, 0x8B, 0x7B, FastLayout.PageArguments]; // mov rdi, [r11+48h]
        Assert.Contains(FastCode.LeaseDoneOffset, OffsetsOf(done));
        byte[] none = [0x31, 0xC9, 0x41, 0x81]; // xor ecx, ecx; cmp dword ptr [r11...
        Assert.Equal([FastCode.LeaseEndOffset], OffsetsOf(none));
        byte[] record = [0x48, 0x8B, 0x0E]; // mov rcx, [rsi]
        Assert.Equal(FastCode.RecordOffset, FastCode.Bytes.LastIndexOf(record));
        byte[] last = [0x49, 0x8B, 0x7B, FastLayout.PageArguments]; // mov rdi, [r11+48h]
        Assert.Equal(FastCode.LastOffset, FastCode.Bytes.LastIndexOf(last));
    }

    [Fact]
    public void A_word_of_the_table_that_nothing_else_uses_says_that_there_is_no_page()
    {
        const ulong page = 0x6FFF_8004_0000;
        Assert.Equal(page + FastLayout.PageSelf, FastLayout.BaseOf(page) + FastLayout.NoPageAddress);
        Assert.InRange(
            FastLayout.NoPageAddress, FastLayout.TableStart + FastLayout.CodeOffset + (ulong)FastCode.Bytes.Length,
            FastEntry.PointerOf(new CallSite(3, true), 0, 0) - sizeof(ulong));
    }

    private static List<int> OffsetsOf(ReadOnlySpan<byte> instruction)
    {
        List<int> found = [];
        for (int i = 0; i <= FastCode.Bytes.Length - instruction.Length; i++)
        {
            if (FastCode.Bytes.Slice(i, instruction.Length).SequenceEqual(instruction))
                found.Add(i);
        }

        return found;
    }

    private static byte[] Assemble()
    {
        Assembler c = new(64);
        Label real = c.CreateLabel(), mine = c.CreateLabel(), post = c.CreateLabel();

        // Only where gs leads to a page: with a base of 0 it leads to the table's own word, which is 0; with a guest's
        // own it may lead anywhere, and so the page has a mark that nothing else has.
        c.mov(rcx, __qword_ptr.gs[(long)FastLayout.NoPageAddress]);
        c.jrcxz(real);
        c.cmp(__qword_ptr[rcx + FastLayout.PageMark], FastLayout.Mark);
        c.jne(real);
        c.cmp(rax, FastCalls.Numbers);
        c.jb(mine);
        c.Label(ref real);
        c.jmp(r11);
        c.Label(ref mine);
        c.mov(__qword_ptr[rcx + FastLayout.PageNumber], rax);
        c.mov(__qword_ptr[rcx + FastLayout.PageEntry], r11);
        c.mov(r11, rcx);
        EmitAnswer(c);
        EmitInput(c, post);
        c.Label(ref post);
        EmitRestore(c);
        c.mov(ecx, FastLayout.StateRequest);
        c.xchg(__dword_ptr[r11], ecx);
        EmitWait(c);
        return MachineCode.Assemble(c);
    }

    /// <summary>
    /// Answers a call for an id, leaves what is not fast to the real call, and saves the arguments of the others.
    /// </summary>
    private static void EmitAnswer(Assembler c)
    {
        Label ask = c.CreateLabel(), closed = c.CreateLabel(), answer = c.CreateLabel();
        c.movzx(ecx, __byte_ptr[rax + ((long)FastLayout.TableStart + FastLayout.InputsOffset)]);
        c.cmp(ecx, FastCalls.FirstAnswer);
        c.jb(ask);
        c.cmp(ecx, FastCalls.NotFast);
        c.je(closed);
        c.mov(rcx, __qword_ptr[r11 + (rcx * 8) + (FastLayout.PageAnswers - (FastCalls.FirstAnswer * 8))]);
        c.btr(rcx, FastLayout.AnswerBit);
        c.jb(answer);
        c.xor(ecx, ecx);
        c.jmp(ask);
        c.Label(ref answer);
        c.mov(eax, ecx);
        c.mov(r11, __qword_ptr[r11 + FastLayout.PageEntry]);
        c.add(r11, 2);
        c.jmp(r11);
        c.Label(ref closed);
        c.mov(r11, __qword_ptr[r11 + FastLayout.PageEntry]);
        c.jmp(r11);
        c.Label(ref ask);
        c.cmp(__dword_ptr[r11], FastLayout.StateOpen);
        c.ja(closed);
        AssemblerRegister64[] arguments = [rdi, rsi, rdx, r10, r8, r9];
        for (int i = 0; i < arguments.Length; i++)
            c.mov(__qword_ptr[r11 + Argument(i)], arguments[i]);
    }

    private static int Argument(int index) => FastLayout.PageArguments + (8 * index);

    private static void EmitRestore(Assembler c)
    {
        c.mov(rdi, __qword_ptr[r11 + Argument(0)]);
        c.mov(rsi, __qword_ptr[r11 + Argument(1)]);
        c.mov(rdx, __qword_ptr[r11 + Argument(2)]);
    }

    private static void EmitReal(Assembler c)
    {
        c.mov(rax, __qword_ptr[r11 + FastLayout.PageNumber]);
        c.mov(r11, __qword_ptr[r11 + FastLayout.PageEntry]);
        c.jmp(r11);
    }

    /// <summary>Copies what the call reads into the page, where the tables of FastCalls name it.</summary>
    private static void EmitInput(Assembler c, Label post)
    {
        const long rules = (long)FastLayout.TableStart + FastLayout.RulesOffset;
        Label forward = c.CreateLabel(), input = c.CreateLabel(), tail = c.CreateLabel(), copy = c.CreateLabel();
        c.mov(__qword_ptr[r11 + FastLayout.PageInputLength], 0);

        // With the direction flag set, the copies would go backwards: then it is the real call.
        c.mov(rsi, r11);
        c.lodsb();
        c.cmp(rsi, r11);
        c.ja(forward);
        EmitRestore(c);
        EmitReal(c);
        c.Label(ref forward);
        EmitLease(c, post, input);
        c.Label(ref input);
        c.jrcxz(post);
        c.mov(eax, __dword_ptr[(rcx * 8) + rules]);
        c.mov(edx, __dword_ptr[(rcx * 8) + (rules + 4)]);
        c.movzx(esi, al);
        c.mov(rsi, __qword_ptr[r11 + rsi]);
        c.cmp(rsi, (int)FastLayout.LowestAddress);
        c.jb(post);
        c.movzx(edi, ah);
        c.test(edi, edi);
        c.je(tail);
        c.mov(rdi, __qword_ptr[r11 + rdi]);
        c.cmp(rdi, rdx);
        c.ja(post);
        c.shr(eax, 16);
        c.mov(ecx, eax);
        c.shl(rdi, cl);
        c.mov(rcx, rdi);
        c.jmp(copy);
        c.Label(ref tail);
        c.mov(ecx, esi);
        c.or(ecx, -4096);
        c.neg(ecx);
        c.cmp(ecx, edx);
        c.cmova(ecx, edx);
        c.Label(ref copy);
        c.mov(__qword_ptr[r11 + FastLayout.PageInputAddress], rsi);
        c.mov(__qword_ptr[r11 + FastLayout.PageInputLength], rcx);
        c.lea(rdi, __[r11 + FastLayout.PageData]);
        c.rep.movsb();
    }

    /// <summary>
    /// Answers a call on a file of which the page has what it asks for. All registers but r11 are saved.
    /// </summary>
    private static void EmitLease(Assembler c, Label post, Label input)
    {
        const int emptyPath = 0x1000;
        Label none = c.CreateLabel(), at = c.CreateLabel(), positioned = c.CreateLabel(), inside = c.CreateLabel();
        Label tail = c.CreateLabel(), copy = c.CreateLabel(), stat = c.CreateLabel(), statCopy = c.CreateLabel();
        Label move = c.CreateLabel(), done = c.CreateLabel();
        c.cmp(ecx, FastCalls.ReadLease);
        c.jb(input);
        c.cmp(rdi, FastLayout.Leases);
        c.jae(none);
        c.mov(eax, edi);
        c.shl(eax, FastLayout.LeaseShift);
        c.lea(rax, __[r11 + rax + FastLayout.LeasesOffset]);
        c.mov(rdx, __qword_ptr[rax + FastLayout.LeasePosition]);
        c.dec(rdx);
        c.js(none);
        c.cmp(ecx, FastCalls.ReadAtLease);
        c.jb(positioned);
        c.je(at);
        c.mov(rdi, __qword_ptr[r11 + Argument(1)]);
        c.cmp(ecx, FastCalls.StatLease);
        c.je(stat);
        c.cmp(r10, emptyPath);
        c.jne(none);
        c.cmp(__byte_ptr[rdi], 0);
        c.jne(none);
        c.mov(rdi, __qword_ptr[r11 + Argument(2)]);
        c.Label(ref stat);
        c.lea(rsi, __[rax + FastLayout.LeaseStat]);
        c.mov(ecx, FastLayout.StatBytes);
        c.mov(__dword_ptr[rax + FastLayout.LeaseUsed], ecx);
        c.mov(__qword_ptr[r11 + FastLayout.PageResult], 0);
        c.rep.movsb();
        c.jmp(done);

        c.Label(ref at);
        c.mov(rdx, r10);
        c.Label(ref positioned);
        c.test(rdx, rdx);
        c.js(none);
        c.cmp(rdx, __qword_ptr[rax + FastLayout.LeaseStart]);
        c.jb(none);
        c.mov(rcx, __qword_ptr[rax + FastLayout.LeaseEnd]);
        c.sub(rcx, rdx);
        c.jae(inside);
        c.xor(ecx, ecx);
        c.Label(ref inside);
        c.cmp(rcx, __qword_ptr[r11 + Argument(2)]);
        c.jb(tail);
        c.mov(rcx, __qword_ptr[r11 + Argument(2)]);
        c.jmp(copy);
        c.Label(ref tail);
        c.test(__dword_ptr[rax + FastLayout.LeaseFlags], FastLayout.LeaseIsAtEnd);
        c.je(none);
        c.Label(ref copy);
        c.mov(__dword_ptr[rax + FastLayout.LeaseUsed], 1);
        c.mov(__qword_ptr[r11 + FastLayout.PageResult], rcx);
        c.mov(rsi, __qword_ptr[rax + FastLayout.LeaseBase]);
        c.add(rsi, rdx);
        c.mov(rdi, __qword_ptr[r11 + Argument(1)]);
        c.rep.movsb();
        c.cmp(__qword_ptr[r11 + FastLayout.PageNumber], Sys.read);
        c.je(move);
        c.cmp(__qword_ptr[rax + FastLayout.LeasePosition], 0);
        c.jg(done);
        c.jmp(none); // The lease has ended, and the bytes may have been wiped meanwhile.
        c.Label(ref move);
        c.mov(rcx, rax);
        c.lea(rax, __[rdx + 1]);
        c.add(rdx, __qword_ptr[r11 + FastLayout.PageResult]);
        c.inc(rdx);
        c.@lock.cmpxchg(__qword_ptr[rcx + FastLayout.LeasePosition], rdx);
        c.jne(none); // Somebody has taken the position.

        c.Label(ref done);
        EmitRestore(c);
        c.mov(rax, __qword_ptr[r11 + FastLayout.PageResult]);
        c.mov(r11, __qword_ptr[r11 + FastLayout.PageEntry]);
        c.add(r11, 2);
        c.jmp(r11);

        c.Label(ref none);
        c.xor(ecx, ecx);
        c.cmp(__dword_ptr[r11 + FastLayout.PageNumber], Sys.newfstatat);
        c.jne(post);
        c.mov(cl, FastCalls.PathAt);
    }

    private static void EmitWait(Assembler c)
    {
        Label wait = c.CreateLabel(), answered = c.CreateLabel(), value = c.CreateLabel();
        Label request = c.CreateLabel(), turn = c.CreateLabel(), sleep = c.CreateLabel();
        c.shl(ecx, FastLayout.TurnsShift); // Where nobody looked the state was 0, and so is the number of turns.
        c.Label(ref wait);
        c.mov(eax, __dword_ptr[r11]);
        c.sub(eax, FastLayout.StateRequest);
        c.jb(answered);
        c.je(request);
        c.dec(eax);
        c.jne(sleep); // StateDeferred
        c.dec(ecx);
        c.jmp(turn);
        c.Label(ref request);
        c.sub(ecx, FastLayout.RequestTurns);
        c.Label(ref turn);
        c.jle(sleep);
        c.pause();
        c.jmp(wait);
        c.Label(ref sleep);
        c.mov(rdi, r11);
        c.mov(eax, FastLayout.SleepNumber);
        c.syscall();
        c.mov(r11, rdi);
        c.mov(rdi, __qword_ptr[r11 + Argument(0)]);
        c.mov(ecx, 1);
        c.jmp(wait);
        c.Label(ref answered);
        c.cmp(__qword_ptr[r11 + FastLayout.PageRedo], 0);
        c.je(value);
        EmitReal(c);
        c.Label(ref value);
        EmitOutput(c);
    }

    /// <summary>Copies what the handler wrote to the caller's memory, and goes back with the value.</summary>
    private static void EmitOutput(Assembler c)
    {
        Label next = c.CreateLabel(), last = c.CreateLabel(), done = c.CreateLabel();
        c.mov(rcx, __qword_ptr[r11 + FastLayout.PageOutput]);
        c.jrcxz(done);
        c.lea(rsi, __[r11 + rcx]);
        c.Label(ref next);
        c.mov(rcx, __qword_ptr[rsi]);
        c.jrcxz(last);
        c.mov(rdi, __qword_ptr[rsi + 8]);
        c.add(rsi, FastLayout.RecordHeader);
        c.rep.movsb();
        c.add(rsi, 7);
        c.and(rsi, -8);
        c.jmp(next);
        c.Label(ref last);
        c.mov(rdi, __qword_ptr[r11 + Argument(0)]);
        c.mov(rsi, __qword_ptr[r11 + Argument(1)]);
        c.Label(ref done);
        c.mov(rax, __qword_ptr[r11 + FastLayout.PageResult]);
        c.mov(r11, __qword_ptr[r11 + FastLayout.PageEntry]);
        c.add(r11, 2);
        c.jmp(r11);
    }
}
