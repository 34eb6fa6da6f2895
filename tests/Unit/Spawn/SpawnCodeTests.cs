using Iced.Intel;
using Sandbox.Platform.Spawn;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Sandbox.UnitTests.Spawn;

/// <summary>The embedded machine code is what its listing says.</summary>
public sealed class SpawnCodeTests
{
    [Fact]
    public void The_embedded_bytes_are_the_assembled_listing() =>
        MachineCode.AssertSame("spawn", Assemble(), SpawnCode.Bytes);

    private static byte[] Assemble()
    {
        Assembler c = new(64);
        Label child = c.CreateLabel(), next = c.CreateLabel(), after = c.CreateLabel();
        Label failed = c.CreateLabel(), end = c.CreateLabel();
        c.push(rbx);
        c.mov(rbx, rdi);
        c.mov(rdi, __qword_ptr[rbx + SpawnCode.HeaderCloneArguments]);
        c.mov(rsi, __qword_ptr[rbx + SpawnCode.HeaderCloneArgumentsBytes]);
        c.mov(eax, 435);
        c.syscall();
        c.test(rax, rax);
        c.je(child);
        c.pop(rbx);
        c.ret();

        c.Label(ref child);
        c.mov(r12, __qword_ptr[rbx + SpawnCode.HeaderSteps]);
        c.mov(r13, __qword_ptr[rbx + SpawnCode.HeaderStepCount]);
        c.Label(ref next);
        c.test(r13, r13);
        c.je(end);
        c.mov(__qword_ptr[rbx + SpawnCode.HeaderCurrentStep], r12);
        c.mov(eax, __dword_ptr[r12 + SpawnCode.StepNumber]);
        AssemblerRegister64[] registers = [rdi, rsi, rdx, r10, r8, r9];
        for (int index = 0; index < registers.Length; index++)
        {
            Label direct = c.CreateLabel();
            c.mov(registers[index], __qword_ptr[r12 + SpawnCode.StepArguments + (8 * index)]);
            c.test(__byte_ptr[r12 + SpawnCode.StepIndirect], 1 << index);
            c.je(direct);
            c.mov(registers[index], __qword_ptr[registers[index]]);
            c.Label(ref direct);
        }

        c.syscall();
        c.mov(__qword_ptr[r12 + SpawnCode.StepResult], rax);
        c.test(__byte_ptr[r12 + SpawnCode.StepFlags], SpawnCode.FlagMayFail);
        c.jne(after);
        c.cmp(rax, -4095);
        c.jae(failed);
        c.test(__byte_ptr[r12 + SpawnCode.StepFlags], SpawnCode.FlagZeroFails);
        c.je(after);
        c.test(rax, rax);
        c.je(failed);
        c.Label(ref after);
        c.add(r12, SpawnCode.StepBytes);
        c.dec(r13);
        c.jmp(next);

        c.Label(ref failed);
        c.mov(__qword_ptr[rbx + SpawnCode.HeaderFailedStep], r12);
        c.Label(ref end);
        c.mov(edi, 127);
        c.mov(eax, 231);
        c.syscall();
        c.ud2();

        return MachineCode.Assemble(c);
    }
}
