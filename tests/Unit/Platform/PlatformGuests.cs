using Iced.Intel;
using Sandbox.Linux;
using Sandbox.Platform;
using static Iced.Intel.AssemblerRegisters;

namespace Sandbox.UnitTests.Platform;

/// <summary>Guests of a few instructions under a platform.</summary>
public abstract class PlatformGuests(PlatformFixture fixture)
{
    private protected PlatformFixture Fixture => fixture;

    private protected IPlatform Platform => fixture.Platform;

    private protected static GuestAction Value(long value) => GuestAction.Return(value);

    private protected static void Call(Assembler c, int number, params ulong[] arguments)
    {
        AssemblerRegister64[] registers = [rdi, rsi, rdx, r10, r8, r9];
        for (int i = 0; i < arguments.Length; i++)
            c.mov(registers[i], arguments[i]);
        c.mov(eax, number);
        c.syscall();
    }

    private protected static void Exit(Assembler c)
    {
        c.mov(rdi, rax);
        c.mov(eax, Sys.exit_group);
        c.syscall();
    }

    private protected ToyKernel Run(Action<Assembler> emit, Action<ToyKernel>? configure = null)
    {
        ToyKernel kernel = new();
        configure?.Invoke(kernel);
        Assembler c = new(64);
        emit(c);
        ToyImage.Load(Platform, MachineCode.Assemble(c, ToyImage.Base), kernel).Start();
        kernel.WaitForExit();
        return kernel;
    }
}
