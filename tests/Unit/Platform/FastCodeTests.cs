using Iced.Intel;
using Sandbox.Platform.Stub;
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
    public void The_wait_region_begins_behind_the_store_that_posts_a_request()
    {
        // mov dword ptr [rcx], 2
        byte[] post = [0xC7, 0x01, FastLayout.StateRequest, 0, 0, 0];
        Assert.Equal(post, FastCode.Bytes.Slice(FastCode.WaitOffset - post.Length, post.Length).ToArray());
    }

    private static byte[] Assemble()
    {
        Assembler c = new(64);
        Label mine = c.CreateLabel(), post = c.CreateLabel(), wait = c.CreateLabel(), still = c.CreateLabel();
        Label answered = c.CreateLabel(), sleep = c.CreateLabel();

        // Only where gs is a page: the upper word of its base, turned around, is the window's. No flag may change.
        c.rdgsbase(rcx);
        c.bswap(rcx);
        c.mov(ecx, ecx);
        c.lea(ecx, __[rcx + 0x91_0000]);
        c.jrcxz(mine);
        c.jmp(r11);
        c.Label(ref mine);
        c.rdgsbase(rcx);
        c.mov(ecx, __dword_ptr[rcx]);
        c.lea(ecx, __[rcx - FastLayout.StateOpen]);
        c.jrcxz(post);
        c.jmp(r11);
        c.Label(ref post);
        c.rdgsbase(rcx);
        c.mov(__qword_ptr[rcx + FastLayout.PageNumber], rax);
        AssemblerRegister64[] arguments = [rdi, rsi, rdx, r10, r8, r9];
        for (int i = 0; i < arguments.Length; i++)
            c.mov(__qword_ptr[rcx + (FastLayout.PageArguments + (8 * i))], arguments[i]);
        c.mov(__qword_ptr[rcx + FastLayout.PageEntry], r11);
        c.mov(__qword_ptr[rcx + FastLayout.PageTurns], FastLayout.Turns);
        c.mov(__dword_ptr[rcx], FastLayout.StateRequest);
        c.mov(r11, rcx);
        EmitWait(c, wait, still, answered, sleep);
        return MachineCode.Assemble(c);
    }

    private static void EmitWait(Assembler c, Label wait, Label still, Label answered, Label sleep)
    {
        c.Label(ref wait);
        c.mov(ecx, __dword_ptr[r11]);
        c.lea(ecx, __[rcx - FastLayout.StateRequest]);
        c.jrcxz(still);
        c.mov(rcx, __qword_ptr[r11 + FastLayout.PageRedo]);
        c.jrcxz(answered);
        c.mov(rax, __qword_ptr[r11 + FastLayout.PageNumber]);
        c.mov(r11, __qword_ptr[r11 + FastLayout.PageEntry]);
        c.jmp(r11);
        c.Label(ref answered);
        c.mov(rax, __qword_ptr[r11 + FastLayout.PageResult]);
        c.mov(r11, __qword_ptr[r11 + FastLayout.PageEntry]);
        c.lea(r11, __[r11 + 2]);
        c.jmp(r11);
        c.Label(ref still);
        c.pause();
        c.mov(rcx, __qword_ptr[r11 + FastLayout.PageTurns]);
        c.lea(rcx, __[rcx - 1]);
        c.mov(__qword_ptr[r11 + FastLayout.PageTurns], rcx);
        c.jrcxz(sleep);
        c.jmp(wait);
        c.Label(ref sleep);
        c.mov(eax, FastLayout.SleepNumber);
        c.syscall();
        c.rdgsbase(r11);
        c.mov(__qword_ptr[r11 + FastLayout.PageTurns], 1);
        c.jmp(wait);
    }
}
