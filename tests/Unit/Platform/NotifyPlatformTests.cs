using Iced.Intel;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Platform.Stub;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Sandbox.UnitTests.Platform;

/// <summary>Guests of a few instructions against a toy kernel.</summary>
public sealed class NotifyPlatformTests(PlatformFixture fixture) : IClassFixture<PlatformFixture>
{
    private IPlatform Platform => fixture.Platform;

    private static GuestAction Value(long value) => GuestAction.Return(value);

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

    [Fact]
    public void Guest_memory_is_copied_both_ways_and_ends_where_the_mapping_ends()
    {
        byte[] read = new byte[5];
        (Result<int> Hole, Result<int> Short, Result<int> ReadOnly) results = default;
        ToyKernel kernel = Run(
            c =>
            {
                c.mov(rax, 0x6F6C6C6568ul); // "hello"
                c.mov(rbx, ToyImage.DataBase);
                c.mov(__qword_ptr[rbx], rax);
                Call(c, Sys.write, 1, ToyImage.DataBase, 5);
                c.mov(rax, __qword_ptr[rbx + 8]);
                Exit(c);
            },
            kernel => kernel.Syscall = thread =>
            {
                if (thread.Syscall.Number != Sys.write)
                    return null;
                IAddressSpace space = thread.AddressSpace;
                space.Read(new UserAddress(thread.Syscall.A1), read);
                space.Write(new UserAddress(ToyImage.DataBase + 8), [42, 0, 0, 0, 0, 0, 0, 0]);
                results.Hole = space.Read(new UserAddress(0x5000), new byte[8]);
                results.Short = space.Write(new UserAddress(ToyImage.DataBase + ToyImage.DataBytes - 3), new byte[8]);
                results.ReadOnly = space.Write(new UserAddress(space.VdsoAddress), new byte[8]);
                return Value(5);
            });
        Assert.Equal("hello"u8.ToArray(), read);
        Assert.Equal(42ul, kernel.ExitStatus);
        Assert.Equal(Errno.EFAULT, results.Hole.Error);
        Assert.Equal(Errno.EFAULT, results.ReadOnly.Error);
        Assert.False(results.Short.Failed(out int count, out _));
        Assert.Equal(3, count);
    }

    [Fact]
    public void Private_anonymous_memory_is_managed_without_a_call()
    {
        ToyKernel kernel = Run(c =>
        {
            Call(c, Sys.mmap, 0, 0x4000, 3, 0x22, ulong.MaxValue, 0);
            c.mov(rbx, rax);
            c.mov(__dword_ptr[rbx + 0x1000], 7);
            c.mov(rdi, rbx);
            c.mov(esi, 0x4000);
            c.mov(edx, 1);
            c.mov(eax, Sys.mprotect);
            c.syscall();
            c.mov(r12, rax);
            c.mov(rdi, rbx);
            c.mov(esi, 0x1000);
            c.mov(eax, Sys.munmap);
            c.syscall();
            c.or(r12, rax);
            Call(c, Sys.mmap, 0x300000, 0x1000, 3, 0x32, ulong.MaxValue, 0);
            c.sub(rax, 0x300000);
            c.or(rax, r12);
            c.mov(ecx, __dword_ptr[rbx + 0x1000]);
            c.add(rax, rcx);
            Exit(c);
        });
        Assert.Equal(7ul, kernel.ExitStatus);
        Assert.Equal([(Sys.exit_group, 7ul, 0x1000ul)], kernel.Calls.Select(call => (call.Number, call.A0, 0x1000ul)));
    }

    [Fact]
    public void A_file_is_mapped_for_a_descriptor_the_host_would_not_give()
    {
        using HostFd file = new(HostFile.CreateMemory("file\0"u8, 1).Failed(out int fd, out _) ? -1 : fd);
        HostFile.Write(file.Number, "mapped file"u8);
        ToyKernel kernel = Run(
            c =>
            {
                Call(c, Sys.mmap, 0, 0x1000, 1, 2, 0x7FFF_FFF0, 0);
                c.movzx(eax, __byte_ptr[rax]);
                Exit(c);
            },
            kernel => kernel.Syscall = thread =>
                thread.Syscall.Number == Sys.mmap ? GuestAction.ExecuteOnHost(file.Number) : null);
        Assert.Equal((ulong)'m', kernel.ExitStatus);
    }

    [Theory]
    [InlineData(Sys.munmap, 0x6FFF_0001_0000ul, 0x1000ul)]
    [InlineData(Sys.munmap, 0x6FFE_FFFF_0000ul, 0x100000ul)]
    [InlineData(Sys.munmap, 0x6000_0000_0000ul, 0x1000_0000_0000ul)]
    [InlineData(Sys.mprotect, 0x6FFF_0001_0000ul, 0x1000ul)]
    [InlineData(Sys.madvise, 0x6FFF_0003_0000ul, 0x1000ul)]
    [InlineData(Sys.mremap, 0x6FFF_0003_0000ul, 0x1000ul)]
    public void A_memory_call_that_could_reach_the_stub_is_notified(int number, ulong address, ulong length)
    {
        ToyKernel kernel = Run(c =>
        {
            Call(c, number, address, length, 4, 0);
            Exit(c);
        });
        Assert.Contains((number, address, length), kernel.Calls);
    }

    [Fact]
    public void A_file_is_mapped_with_a_lent_descriptor()
    {
        using HostFd file = new(HostFile.CreateMemory("file\0"u8, 1).Failed(out int fd, out _) ? -1 : fd);
        HostFile.Write(file.Number, "mapped file"u8);
        ToyKernel kernel = Run(
            c =>
            {
                Call(c, Sys.mmap, 0, 0x1000, 1, 2, 17, 0);
                c.movzx(eax, __byte_ptr[rax]);
                Exit(c);
            },
            kernel => kernel.Syscall = thread =>
                thread.Syscall.Number == Sys.mmap ? GuestAction.ExecuteOnHost(file.Number) : null);
        Assert.Equal((ulong)'m', kernel.ExitStatus);
    }

    [Fact]
    public void Mappings_are_found_as_the_host_has_them_but_for_the_stub()
    {
        using HostFd file = new(HostFile.CreateMemory("file\0"u8, 1).Failed(out int fd, out _) ? -1 : fd);
        HostFile.Truncate(file.Number, 0x3000);
        HostFile.Stat(file.Number).Failed(out Stat stat, out _);
        HostMapping found = default, anonymous = default;
        Errno hole = Errno.Ok, stub = Errno.Ok;
        List<HostMapping> all = [];
        Run(
            c =>
            {
                Call(c, Sys.mmap, 0x400000, 0x2000, 3, 0x11, 17, 0x1000);
                Call(c, Sys.getpid);
                Exit(c);
            },
            kernel => kernel.Syscall = thread =>
            {
                if (thread.Syscall.Number == Sys.mmap)
                    return GuestAction.ExecuteOnHost(file.Number);
                if (thread.Syscall.Number != Sys.getpid)
                    return null;
                IAddressSpace space = thread.AddressSpace;
                space.FindMapping(new UserAddress(0x401000)).Failed(out found, out _);
                space.FindMapping(new UserAddress(ToyImage.DataBase)).Failed(out anonymous, out _);
                hole = space.FindMapping(new UserAddress(0x500000)).Error;
                stub = space.FindMapping(new UserAddress(space.ReservedStart + 0x10000)).Error;
                space.ListMappings(all);
                return Value(0);
            });
        Assert.Equal(
            (0x400000ul, 0x402000ul, 0x1000ul, stat.Device, stat.Inode, true),
            (found.Start, found.End, found.Offset, found.Device, found.Inode, found.IsShared));
        Assert.Equal(MemoryProtection.Read | MemoryProtection.Write, found.Protection);
        Assert.Equal((ToyImage.DataBase, 0ul, false), (anonymous.Start, anonymous.Inode, anonymous.IsShared));
        Assert.Equal((Errno.EFAULT, Errno.EFAULT), (hole, stub));
        Assert.Contains(all, mapping => mapping.HostName == "[stack]");
        Assert.Contains(all, mapping => mapping with { HostName = "" } == found);
        Assert.DoesNotContain(all, mapping => mapping.Start >> 32 == 0x6FFF);
    }

    [Fact]
    public void Descriptors_lent_for_mappings_are_gone_after_a_fork()
    {
        using HostFd file = new(HostFile.CreateMemory("file\0"u8, 1).Failed(out int fd, out _) ? -1 : fd);
        HostFile.Truncate(file.Number, 0x1000);
        int before = 0, after = 0;
        Run(
            c =>
            {
                Call(c, Sys.mmap, 0, 0x1000, 1, 2, 17, 0);
                Call(c, Sys.fork);
                Call(c, Sys.exit_group, 0);
            },
            kernel =>
            {
                kernel.Expect();
                kernel.Syscall = thread =>
                {
                    string descriptors = $"/proc/{thread.HostThreadId}/fd";
                    if (thread.Syscall.Number == Sys.mmap)
                        return GuestAction.ExecuteOnHost(file.Number);
                    if (thread.Syscall.Number != Sys.fork)
                        return null;
                    before = Directory.GetFileSystemEntries(descriptors).Length;
                    if (thread.Fork().Failed(out IGuestThread? child, out _))
                        return Value(-1);
                    after = Directory.GetFileSystemEntries(descriptors).Length;
                    child.Events = kernel;
                    child.Start();
                    return Value(1);
                };
            });
        Assert.Equal((1, 0), (before, after));
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
        Assert.Equal([Sys.exit_group], kernel.Calls.Select(call => call.Number));
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
        (int after, int stubs, int receivers) = Settle();
        Assert.InRange(after, 0, descriptors + 2);
        Assert.InRange(stubs, 0, 2);
        Assert.InRange(receivers, 0, 20);
    }

    private (int Descriptors, int Stubs, int Receivers) Settle()
    {
        Thread.Sleep(200);
        (int stubs, int receivers) = fixture.Platform.Counts;
        return (Directory.GetFiles("/proc/self/fd").Length, stubs, receivers);
    }
}
