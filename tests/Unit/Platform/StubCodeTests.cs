using Iced.Intel;
using Sandbox.Platform.Stubs;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Sandbox.UnitTests.Platform;

/// <summary>
/// The stub's embedded machine code is what its listing says, and the addresses the filter trusts are in it.
/// </summary>
public sealed class StubCodeTests
{
    [Fact]
    public void The_embedded_bytes_are_the_assembled_listing() =>
        MachineCode.AssertSame("stub", Assemble(), StubCode.Bytes);

    [Theory]
    [InlineData(StubCode.DoorbellOffset)]
    [InlineData(StubCode.CommandOffset)]
    [InlineData(StubCode.RestorerOffset)]
    [InlineData(StubCode.ForkedOffset)]
    [InlineData(StubCode.BasesOffset)]
    [InlineData(StubCode.InjectOffset)]
    [InlineData(StubCode.BornOffset)]
    [InlineData(StubCode.PauseOffset)]
    public void An_address_the_filter_trusts_follows_a_syscall_instruction(int offset) =>
        Assert.Equal([0x0F, 0x05], StubCode.Bytes.Slice(offset - 2, 2).ToArray());

    private static byte[] Assemble()
    {
        Assembler c = new(64);
        Label reply = c.CreateLabel(), quit = c.CreateLabel(), ring = c.CreateLabel(), run = c.CreateLabel();
        Label done = c.CreateLabel(), resume = c.CreateLabel();

        // Zygote: map the data and the first slot, report, then run batches on request.
        c.mov(rbp, rsp);
        c.mov(rdi, StubLayout.DataStart);
        c.mov(esi, (int)(StubLayout.FirstSlot + StubLayout.SlotBytes - StubLayout.DataStart));
        c.mov(edx, 3);
        c.mov(r10d, 0x100022);
        c.mov(r8, -1);
        c.xor(r9d, r9d);
        c.mov(eax, 9);
        c.syscall();
        c.mov(rbx, StubLayout.FirstSlot);
        c.mov(__qword_ptr[rbx + StubLayout.SlotFrame], rbp);
        c.lea(rsp, __qword_ptr[rbx + (StubLayout.SlotBytes - 64)]);
        c.lea(r14, __qword_ptr[reply]);
        c.Label(ref reply);
        c.xor(edi, edi);
        c.lea(rsi, __qword_ptr[rbx + StubLayout.SlotFrame]);
        c.mov(edx, 8);
        c.mov(eax, 1);
        c.syscall();
        c.xor(edi, edi);
        c.lea(rsi, __qword_ptr[rbx + StubLayout.SlotRequest]);
        c.mov(edx, 8);
        c.xor(eax, eax);
        c.syscall();
        c.cmp(rax, 8);
        c.jne(quit);
        c.mov(r13d, __dword_ptr[rbx + StubLayout.SlotRequest]);
        c.jmp(run);
        c.Label(ref quit);
        c.mov(eax, 231);
        c.xor(edi, edi);
        c.syscall();

        EmitHandler(c, ring, run, done, resume);
        return MachineCode.Assemble(c);
    }

    private static void EmitHandler(Assembler c, Label ring, Label run, Label done, Label resume)
    {
        Label noBases = c.CreateLabel(), haveBases = c.CreateLabel();
        Label command = c.CreateLabel(), newThread = c.CreateLabel();
        Label notForked = c.CreateLabel();
        Label next = c.CreateLabel(), leave = c.CreateLabel(), unlessZero = c.CreateLabel();

        c.nop(); // HandlerOffset.
        c.mov(rbx, rsp);
        c.and(rbx, -StubLayout.SlotBytes);
        c.mov(__qword_ptr[rbx + StubLayout.SlotFrame], rsp);
        c.lea(r14, __qword_ptr[done]);
        c.Label(ref ring);
        c.mov(rsi, __qword_ptr[rbx + StubLayout.SlotFrame]);
        c.mov(rax, StubLayout.DataStart + StubLayout.DataHasFsGsBase);
        c.cmp(__byte_ptr[rax], 0);
        c.je(noBases);
        c.rdfsbase(rdx);
        c.rdgsbase(r10);
        c.Label(ref haveBases);
        c.mov(eax, StubLayout.DoorbellNumber);
        c.syscall(); // DoorbellOffset.
        c.test(eax, eax);
        c.je(resume);
        c.mov(r13d, eax);

        c.Label(ref run);
        c.lea(r12, __qword_ptr[rbx + StubLayout.SlotCommands]);
        c.Label(ref command);
        c.mov(eax, __dword_ptr[r12]);
        AssemblerRegister64[] registers = [rdi, rsi, rdx, r10, r8, r9];
        for (int index = 0; index < registers.Length; index++)
            c.mov(registers[index], __qword_ptr[r12 + 8 + (8 * index)]);
        c.syscall(); // CommandOffset.
        c.mov(rcx, rsp);
        c.and(rcx, -StubLayout.SlotBytes);
        c.cmp(rcx, rbx);
        c.jne(newThread);
        c.mov(__qword_ptr[r12 + StubLayout.CommandResult], rax);
        c.test(rax, rax);
        c.jne(notForked);
        c.cmp(__dword_ptr[r12], 56);
        c.jne(notForked);
        c.mov(edi, 1); // A fork's child: prctl(PR_SET_PDEATHSIG, SIGKILL), which a fork clears.
        c.mov(esi, 9);
        c.mov(eax, 157);
        c.syscall(); // ForkedOffset.
        c.xor(eax, eax);
        c.Label(ref notForked);
        c.mov(ecx, __dword_ptr[r12 + StubLayout.CommandStop]);
        c.test(ecx, ecx);
        c.je(next);
        c.cmp(ecx, StubLayout.StopUnlessZero);
        c.je(unlessZero);
        c.test(rax, rax);
        c.js(leave);
        c.jmp(next);
        c.Label(ref unlessZero);
        c.test(rax, rax);
        c.jne(leave);
        c.Label(ref next);
        c.add(r12, StubLayout.CommandBytes);
        c.dec(r13d);
        c.jne(command);
        c.Label(ref leave);
        c.jmp(r14);

        c.Label(ref done);
        c.xor(edi, edi);
        c.mov(rsi, __qword_ptr[rbx + StubLayout.SlotFrame]);
        c.jmp(haveBases);
        c.Label(ref newThread);
        c.mov(rbx, rcx);
        c.mov(edi, StubLayout.SignalNewThread);
        c.jmp(ring);
        EmitBases(c, noBases, haveBases);
        c.Label(ref resume);
        c.mov(rsp, __qword_ptr[rbx + StubLayout.SlotFrame]);
        c.add(rsp, 8);
        c.mov(eax, 15); // The restorer's address, too.
        c.syscall(); // RestorerOffset.
        c.ud2();
        EmitInjection(c);
    }

    private static void EmitInjection(Assembler c)
    {
        Label pause = c.CreateLabel();
        // InjectOffset; what follows is a new child's: prctl(PR_SET_PDEATHSIG, SIGKILL), then pause(2) for good.
        c.syscall();
        c.mov(edi, 1);
        c.mov(esi, 9);
        c.mov(eax, 157);
        c.syscall(); // BornOffset.
        c.Label(ref pause);
        c.mov(eax, 34);
        c.syscall(); // PauseOffset.
        c.jmp(pause);
    }

    /// <summary>
    /// The segment bases, where the processor has no instruction for them: rdi is the signal and stays.
    /// </summary>
    private static void EmitBases(Assembler c, Label noBases, Label haveBases)
    {
        const int getFs = 0x1003, getGs = 0x1004;
        Label next = c.CreateLabel();
        c.Label(ref noBases);
        c.mov(r15d, edi);
        c.mov(edi, getFs);
        c.lea(rsi, __qword_ptr[rbx + StubLayout.SlotBases]);
        c.Label(ref next);
        c.mov(eax, 158);
        c.syscall(); // BasesOffset.
        c.inc(edi);
        c.add(rsi, 8);
        c.cmp(edi, getGs + 1);
        c.jne(next);
        c.mov(edi, r15d);
        c.mov(rsi, __qword_ptr[rbx + StubLayout.SlotFrame]);
        c.mov(rdx, __qword_ptr[rbx + StubLayout.SlotBases]);
        c.mov(r10, __qword_ptr[rbx + (StubLayout.SlotBases + 8)]);
        c.jmp(haveBases);
    }
}
