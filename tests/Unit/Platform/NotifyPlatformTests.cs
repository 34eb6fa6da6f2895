using Iced.Intel;
using Sandbox.Linux;
using Sandbox.Platform;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Sandbox.UnitTests.Platform;

/// <summary>Guests of a few instructions against a toy kernel.</summary>
public sealed class NotifyPlatformTests(PlatformFixture fixture) : IClassFixture<PlatformFixture>
{
    private IPlatform Platform => fixture.Platform;

    private static void Call(Assembler c, int number, params ulong[] arguments)
    {
        AssemblerRegister64[] registers = [rdi, rsi, rdx, r10, r8, r9];
        for (int i = 0; i < arguments.Length; i++)
            c.mov(registers[i], arguments[i]);
        c.mov(eax, number);
        c.syscall();
    }

    private static void Exit(Assembler c)
    {
        c.mov(rdi, rax);
        c.mov(eax, Sys.exit_group);
        c.syscall();
    }

    private ToyKernel Run(Action<Assembler> emit, Action<ToyKernel>? configure = null)
    {
        ToyKernel kernel = new();
        configure?.Invoke(kernel);
        Assembler c = new(64);
        emit(c);
        ToyImage.Load(Platform, MachineCode.Assemble(c, ToyImage.Base), kernel).Start();
        kernel.WaitForExit();
        return kernel;
    }

    [Fact]
    public void A_call_arrives_with_its_arguments_and_gets_its_answer()
    {
        ToyKernel kernel = Run(
            c =>
            {
                Call(c, Sys.getpid, 11, 22);
                Exit(c);
            },
            kernel => kernel.Syscall = thread => thread.Syscall.Number == Sys.getpid ? GuestAction.Return(4711) : null);
        Assert.Contains((Sys.getpid, 11ul, 22ul), kernel.Calls);
        Assert.Equal(4711ul, kernel.ExitStatus);
        Assert.Equal(1, kernel.Exits);
    }
}
