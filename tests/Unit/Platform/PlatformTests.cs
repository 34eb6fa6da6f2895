using Iced.Intel;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Platform.Stubs;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Sandbox.UnitTests.Platform;

/// <summary>Guests of a few instructions against a toy kernel.</summary>
[Collection(AloneCollection.Name)]
public abstract class PlatformTests(PlatformFixture fixture) : PlatformGuests(fixture)
{
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

    [Fact]
    public void A_fault_comes_with_its_address_and_the_handler_can_move_the_thread()
    {
        FaultInfo seen = default;
        ToyKernel kernel = Run(
            c =>
            {
                c.mov(eax, 3);
                c.mov(rbx, 0x1234000);
                c.mov(__byte_ptr[rbx + 0x567], 1); // 7 bytes
                Exit(c);
            },
            kernel => kernel.Fault = (thread, info) =>
            {
                seen = info;
                thread.Registers.Rip += 7;
                thread.Registers.Rax = 99;
                return GuestAction.Resume;
            });
        Assert.Equal((11, 1, 0x1234567ul, 14ul), (seen.Signal, seen.Code, seen.Address, seen.TrapNumber));
        Assert.Equal(99ul, kernel.ExitStatus);
    }

    [Fact]
    public void Fork_gives_a_copy_of_memory_and_registers()
    {
        ToyKernel child = new();
        int childId = 0;
        ToyKernel kernel = Run(
            c =>
            {
                c.mov(rbx, ToyImage.DataBase);
                c.mov(__dword_ptr[rbx], 5);
                c.mov(r15, 1000);
                Call(c, Sys.fork);
                c.add(__dword_ptr[rbx], eax);
                c.mov(eax, __dword_ptr[rbx]);
                c.add(rax, r15);
                Exit(c);
            },
            kernel => kernel.Syscall = thread =>
            {
                if (thread.Syscall.Number != Sys.fork)
                    return null;
                if (thread.Fork().Failed(out IGuestThread? forked, out Errno error))
                    return Value(-(long)error);
                childId = forked.HostThreadId;
                forked.Events = child;
                forked.Registers.Rax = 0;
                forked.Start();
                return Value(20);
            });
        child.WaitForExit();
        Assert.Equal(1025ul, kernel.ExitStatus);
        Assert.Equal(1005ul, child.ExitStatus);
        Assert.NotEqual(0, childId);
    }

    [Fact]
    public void A_forked_stub_dies_with_us_too()
    {
        byte[] signal = new byte[4];
        Run(
            c =>
            {
                Call(c, Sys.fork);
                Call(c, Sys.exit_group, 0);
            },
            kernel =>
            {
                kernel.Expect();
                kernel.Syscall = thread =>
                {
                    if (thread.Syscall.Number != Sys.fork)
                        return null;
                    if (thread.Fork().Failed(out IGuestThread? child, out _))
                        return Value(-1);
                    const int getParentDeathSignal = 2;
                    child.Execute([new HostCommand(Sys.prctl, getParentDeathSignal, (long)ToyImage.DataBase)], true);
                    child.AddressSpace.Read(new UserAddress(ToyImage.DataBase), signal);
                    child.Events = kernel;
                    child.Start();
                    return Value(1);
                };
            });
        Assert.Equal([9, 0, 0, 0], signal);
    }

    [Fact]
    public void A_thread_shares_memory_and_ends_alone()
    {
        ToyKernel kernel = Run(
            c =>
            {
                Label thread = c.CreateLabel(), wait = c.CreateLabel();
                c.mov(rbx, ToyImage.DataBase);
                Call(c, Sys.clone, 0x100, ToyImage.DataBase + 0x8000);
                c.test(rax, rax);
                c.je(thread);
                c.Label(ref wait);
                c.pause();
                c.cmp(__dword_ptr[rbx], 0);
                c.je(wait);
                Call(c, Sys.gettid);
                c.mov(eax, __dword_ptr[rbx]);
                Exit(c);
                c.Label(ref thread);
                c.mov(rax, __qword_ptr.fs[0]);
                c.push(rax);
                c.pop(rax);
                c.mov(__dword_ptr[rbx], eax);
                Call(c, Sys.exit, 3);
            },
            kernel =>
            {
                kernel.Expect();
                kernel.Syscall = thread =>
                {
                    if (thread.Syscall.Number != Sys.clone)
                        return null;
                    thread.AddressSpace.Write(new UserAddress(ToyImage.DataBase + 0x4000), [77, 0, 0, 0, 0, 0, 0, 0]);
                    if (thread.CreateThread(ToyImage.DataBase + 0x4000).Failed(out IGuestThread? made, out Errno error))
                        return Value(-(long)error);
                    made.Events = kernel;
                    made.Registers.Rax = 0;
                    made.Registers.Rsp = thread.Syscall.A1;
                    made.Start();
                    return Value(1);
                };
            });
        Assert.Equal(77ul, kernel.ExitStatus);
        Assert.Equal(2, kernel.Exits);
    }

    [Fact]
    public void A_computing_thread_is_brought_in()
    {
        ToyKernel kernel = new();
        Assembler c = new(64);
        Label loop = c.CreateLabel();
        c.xor(eax, eax);
        c.Label(ref loop);
        c.inc(rax);
        c.jmp(loop);
        kernel.Interrupt = thread => thread.Registers.Rax > 1000 ? GuestAction.Exit : GuestAction.Resume;
        IGuestThread thread = ToyImage.Load(Platform, MachineCode.Assemble(c, ToyImage.Base), kernel);
        thread.Start();
        for (int i = 0; i < 500 && kernel.Exits == 0; i++)
        {
            Thread.Sleep(1);
            thread.Interrupt();
        }

        kernel.WaitForExit();
        Assert.Contains("interrupt", kernel.Events);
    }

    [Fact]
    public void An_interrupt_during_a_handler_comes_after_its_answer_and_before_guest_code()
    {
        ToyKernel kernel = Run(
            c =>
            {
                Call(c, Sys.getpid);
                Call(c, Sys.getppid); // Skipped: the interrupt moves the thread.
                Exit(c);
            },
            kernel =>
            {
                kernel.Syscall = thread =>
                {
                    if (thread.Syscall.Number != Sys.getpid)
                        return null;
                    thread.Interrupt();
                    return Value(33);
                };
                kernel.Interrupt = thread =>
                {
                    Assert.Equal(33ul, thread.Registers.Rax);
                    thread.Registers.Rip += 7; // mov eax, imm32; syscall
                    return GuestAction.Resume;
                };
            });
        Assert.Equal([Sys.getpid, Sys.exit_group], kernel.Calls.Select(call => call.Number));
        Assert.Equal(33ul, kernel.ExitStatus);
    }

    [Fact]
    public void ReturnThenInterrupt_gives_the_full_state_after_a_plain_call()
    {
        ToyKernel kernel = Run(
            c =>
            {
                Call(c, Sys.getpid);
                Exit(c);
            },
            kernel =>
            {
                kernel.Syscall = thread =>
                    thread.Syscall.Number == Sys.getpid ? GuestAction.ReturnThenInterrupt(12) : null;
                kernel.Interrupt = thread =>
                {
                    byte[] state = new byte[thread.ExtendedStateBytes];
                    Assert.False(thread.ReadExtendedState(state).Failed(out int bytes, out _));
                    Assert.Equal(state.Length, bytes);
                    Assert.Equal(Errno.Ok, thread.WriteExtendedState(state));
                    thread.Registers.Rax += 30;
                    return GuestAction.Resume;
                };
            });
        Assert.Equal(42ul, kernel.ExitStatus);
    }

    [Fact]
    public void Killing_ends_a_computing_guest()
    {
        ToyKernel kernel = new();
        Assembler c = new(64);
        Label loop = c.CreateLabel();
        c.Label(ref loop);
        c.jmp(loop);
        IGuestThread thread = ToyImage.Load(Platform, MachineCode.Assemble(c, ToyImage.Base), kernel);
        thread.Start();
        Thread.Sleep(5);
        thread.Kill();
        kernel.WaitForExit();
        Assert.Equal(1, kernel.Exits);
    }

    [Fact]
    public void An_exception_in_a_handler_ends_its_guest_only()
    {
        ToyKernel kernel = Run(
            c => Call(c, Sys.getpid),
            kernel => kernel.Syscall = _ => throw new InvalidOperationException("a bug"));
        Assert.Equal(1, kernel.Exits);
        A_call_arrives_with_its_arguments_and_gets_its_answer();
    }

    [Fact]
    public void A_guest_that_jumps_into_the_stub_gains_nothing()
    {
        ToyKernel kernel = Run(
            c =>
            {
                Label back = c.CreateLabel();
                c.mov(rbx, 0x6FFF_0003_0000ul); // The slot, with a command of the guest's own.
                c.lea(r14, __qword_ptr[back]);
                c.lea(r12, __qword_ptr[rbx + 64]);
                c.mov(__qword_ptr[r12], Sys.clone);
                c.mov(r13d, 1);
                c.lea(rsp, __qword_ptr[rbx + 0x7F00]);
                c.mov(rax, StubCode.CommandAddress - 0x24); // The command loop.
                c.jmp(rax);
                c.Label(ref back);
                c.mov(rax, __qword_ptr[rbx + 64 + 56]);
                Exit(c);
            });
        Assert.Equal(Sys.exit_group, kernel.Calls.Last().Number);
        Assert.Equal(1, kernel.Exits); // There is no child.
        Assert.Equal(-(long)Errno.ENOSYS, (long)kernel.ExitStatus);
    }

    [Fact]
    public void Two_hundred_address_spaces_leave_nothing_behind()
    {
        A_call_arrives_with_its_arguments_and_gets_its_answer();
        int descriptors = 0;
        for (int i = 0; i < 220; i++)
        {
            if (i == 20)
                descriptors = Settle().Descriptors;
            A_call_arrives_with_its_arguments_and_gets_its_answer();
        }

        (int after, int stubs, int threads) = Settle();
        Assert.InRange(after, 0, descriptors + 2);
        Assert.InRange(stubs, 0, 2);
        Assert.InRange(threads, 0, 20);
    }

    private (int Descriptors, int Stubs, int Threads) Settle()
    {
        Thread.Sleep(200);
        (int stubs, int threads) = Fixture.Counts;
        return (Directory.GetFiles("/proc/self/fd").Length, stubs, threads);
    }
}

public sealed class NotifyPlatformTests(NotifyFixture fixture) : PlatformTests(fixture), IClassFixture<NotifyFixture>;

public sealed class PtracePlatformTests(PtraceFixture fixture) : PlatformTests(fixture), IClassFixture<PtraceFixture>;
