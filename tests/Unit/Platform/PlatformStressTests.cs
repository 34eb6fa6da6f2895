using System.Collections.Concurrent;
using Iced.Intel;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Platform.Stubs;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Sandbox.UnitTests.Platform;

/// <summary>
/// Many threads, forks, interrupts and kills at once: every call is answered, every thread ends exactly once.
/// </summary>
public abstract class PlatformStress(PlatformFixture fixture)
{
    private const int StackBytes = 0x1000;

    private protected PlatformFixture Fixture => fixture;

    /// <summary>Counts exits per thread and makes threads and children as asked.</summary>
    private protected sealed class StressKernel : IGuestEvents
    {
        public ConcurrentDictionary<int, int> Exits { get; } = new();

        public ConcurrentBag<IGuestThread> Threads { get; } = [];

        public int Live;

        public uint LastWord;

        public Action<IGuestThread>? PlainCall { get; set; }

        public Action<IGuestThread>? ExitCall { get; set; }

        public int Calls;

        public int Interrupts;

        public void Add(IGuestThread thread)
        {
            thread.Events = this;
            Interlocked.Increment(ref Live);
            Threads.Add(thread);
        }

        public GuestAction OnSyscall(IGuestThread thread)
        {
            Interlocked.Increment(ref Calls);
            switch (thread.Syscall.Number)
            {
                case Sys.clone:
                    ulong stack = thread.Syscall.A1;
                    return Start(thread.CreateThread(null), stack);
                case Sys.fork:
                    return Start(thread.Fork(), 0);
                case Sys.exit or Sys.exit_group:
                    lock (Threads)
                        ExitCall?.Invoke(thread);
                    return GuestAction.Exit;
                case Sys.nanosleep:
                    Thread.Sleep(2);
                    return GuestAction.Return(0);
                case Sys.getppid:
                    return GuestAction.ReturnThenInterrupt(1);
                default:
                    PlainCall?.Invoke(thread);
                    return GuestAction.Return(1);
            }
        }

        private GuestAction Start(Result<IGuestThread> made, ulong stack)
        {
            if (made.Failed(out IGuestThread? child, out Errno error))
                return GuestAction.Return(-(long)error);
            Add(child);
            child.Registers.Rax = 0;
            if (stack != 0)
                child.Registers.Rsp = stack;
            int id = child.HostThreadId;
            child.Start();
            return GuestAction.Return(id);
        }

        public GuestAction OnFault(IGuestThread thread, in FaultInfo info) => GuestAction.Exit;

        public GuestAction OnInterrupt(IGuestThread thread)
        {
            Interlocked.Increment(ref Interrupts);
            return GuestAction.Resume;
        }

        public void OnExit(IGuestThread thread, int hostSignal)
        {
            Exits.AddOrUpdate(thread.HostThreadId, 1, (_, count) => count + 1);
            Interlocked.Decrement(ref Live);
        }

        public void WaitForAll()
        {
            long deadline = Environment.TickCount64 + 30_000;
            while (Volatile.Read(ref Live) > 0)
            {
                Assert.True(
                    Environment.TickCount64 < deadline,
                    $"{Live} threads are left of {Threads.Count}; {Calls} calls; log: {string.Join('\n', PlatformFixture.Lines)}");
                Thread.Sleep(1);
            }
        }
    }

    /// <summary>
    /// Makes <paramref name="threads"/> threads that each run <paramref name="body"/> <paramref name="rounds"/> times
    /// and exit.
    /// </summary>
    private StressKernel Launch(
        int threads, int rounds, Action<Assembler> body, Action<StressKernel>? configure = null)
    {
        Assembler c = new(64);
        Label work = c.CreateLabel(), round = c.CreateLabel(), next = c.CreateLabel();
        c.mov(r15d, threads);
        c.mov(r14, ToyImage.DataBase + StackBytes);
        c.Label(ref next);
        c.mov(edi, 0x100);
        c.mov(rsi, r14);
        c.mov(eax, Sys.clone);
        c.syscall();
        c.test(rax, rax);
        c.je(work);
        c.add(r14, StackBytes / 8);
        c.dec(r15d);
        c.jne(next);
        c.Label(ref work);
        c.mov(r13d, rounds);
        c.Label(ref round);
        body(c);
        c.dec(r13d);
        c.jne(round);
        c.xor(edi, edi);
        c.mov(eax, Sys.exit);
        c.syscall();
        StressKernel kernel = new();
        configure?.Invoke(kernel);
        IGuestThread thread = ToyImage.Load(fixture.Platform, MachineCode.Assemble(c, ToyImage.Base), kernel);
        kernel.Add(thread);
        thread.Start();
        return kernel;
    }

    private static void Call(Assembler c, int number)
    {
        c.mov(eax, number);
        c.syscall();
    }

    [Fact]
    public void Threads_are_served_side_by_side_under_interrupts()
    {
        const int threads = 12, rounds = 300;
        StressKernel kernel = Launch(threads, rounds, c =>
        {
            Call(c, Sys.getpid);
            Call(c, Sys.getppid);
            Call(c, Sys.sigaltstack);
        });
        while (Volatile.Read(ref kernel.Live) > 0 && kernel.Interrupts < 100_000)
        {
            foreach (IGuestThread thread in kernel.Threads)
                thread.Interrupt();
            Thread.Sleep(1);
        }

        kernel.WaitForAll();
        Assert.Equal(threads + 1, kernel.Exits.Count);
        Assert.All(kernel.Exits.Values, count => Assert.Equal(1, count));
        Assert.Equal(((threads + 1) * ((rounds * 3) + 1)) + threads, kernel.Calls);
    }

    [Fact]
    public void Threads_fork_at_the_same_time()
    {
        const int threads = 6, rounds = 15;
        StressKernel kernel = Launch(threads, rounds, c =>
        {
            Label parent = c.CreateLabel();
            Call(c, Sys.fork);
            c.test(rax, rax);
            c.jne(parent);
            Call(c, Sys.getpid);
            Call(c, Sys.exit_group);
            c.Label(ref parent);
            Call(c, Sys.nanosleep);
        });
        kernel.WaitForAll();
        Assert.Equal(threads + 1 + ((threads + 1) * rounds), kernel.Threads.Count);
        Assert.All(kernel.Exits.Values, count => Assert.Equal(1, count));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Guests_killed_at_any_moment_report_every_thread_once(bool threadByThread)
    {
        const int guests = 40, threads = 4;
        Random random = new(7);
        List<StressKernel> kernels = [];
        for (int i = 0; i < guests; i++)
        {
            StressKernel kernel = Launch(threads, 1_000_000, c =>
            {
                Call(c, i % 3 == 0 ? Sys.getpid : i % 3 == 1 ? Sys.getppid : Sys.sigaltstack);
            });
            kernels.Add(kernel);
            Thread.Sleep(random.Next(4));
            while (threadByThread && kernel.Threads.Count < threads + 1)
                Thread.Sleep(1);
            foreach (IGuestThread thread in kernel.Threads)
            {
                if (threadByThread)
                    thread.Kill();
                else
                    thread.AddressSpace.Kill();
            }
        }

        foreach (StressKernel kernel in kernels)
        {
            kernel.WaitForAll();
            Assert.Equal(kernel.Threads.Count, kernel.Exits.Count);
            Assert.All(kernel.Exits.Values, count => Assert.Equal(1, count));
        }
    }

    [Fact]
    public void A_word_is_exchanged_while_guest_threads_change_it()
    {
        const int rounds = 200, increments = 2000, shift = 20;
        const ulong word = ToyImage.DataBase + 0x8000;
        StressKernel kernel = Launch(
            2, rounds,
            c =>
            {
                Label again = c.CreateLabel();
                c.mov(rbx, word);
                c.mov(ecx, increments);
                c.Label(ref again);
                c.@lock.inc(__dword_ptr[rbx]);
                c.dec(ecx);
                c.jne(again);
                Call(c, Sys.getpid);
            },
            kernel =>
            {
                kernel.PlainCall = thread => AddByExchange(thread.AddressSpace, word, 1u << shift);
                kernel.ExitCall = thread => kernel.LastWord = ReadWord(thread.AddressSpace, word);
            });
        kernel.WaitForAll();
        Assert.Equal(unchecked(((uint)(3 * rounds) << shift) + (uint)(3 * rounds * increments)), kernel.LastWord);
    }

    private static uint ReadWord(IAddressSpace space, ulong address)
    {
        byte[] word = new byte[4];
        Assert.Equal(Errno.Ok, space.Read(new UserAddress(address), word).Error);
        return BitConverter.ToUInt32(word);
    }

    private static void AddByExchange(IAddressSpace space, ulong address, uint summand)
    {
        uint seen = ReadWord(space, address);
        while (true)
        {
            Assert.False(
                space.CompareExchange(new UserAddress(address), seen, seen + summand).Failed(out uint found, out _));
            if (found == seen)
                return;
            seen = found;
        }
    }

    [Fact]
    public void A_guest_that_writes_into_the_stub_hurts_only_itself()
    {
        for (int i = 0; i < 30; i++)
        {
            int offset = 16 + (8 * i); // From the slot's header into its commands.
            StressKernel kernel = Launch(
                1, 200,
                c =>
                {
                    Label other = c.CreateLabel(), scribble = c.CreateLabel();
                    c.mov(rax, rsp);
                    c.shr(rax, 24);
                    c.test(rax, rax);
                    c.je(other); // The second thread has a stack in the data.
                    Call(c, Sys.sigaltstack);
                    c.Label(ref other);
                    c.mov(rbx, 0x6FFF_0003_0000ul + (ulong)offset);
                    c.mov(ecx, 3000);
                    c.Label(ref scribble);
                    c.mov(__dword_ptr[rbx], ecx);
                    c.dec(ecx);
                    c.jne(scribble);
                },
                kernel => kernel.PlainCall = thread =>
                {
                    Span<HostCommand> commands = [new(Sys.prctl, 4711), new(Sys.munlock, 0x1000, 0x1000)];
                    thread.Execute(commands, false);
                });
            kernel.WaitForAll();
            Assert.All(kernel.Exits.Values, count => Assert.Equal(1, count));
        }
    }
}

[Collection(AloneCollection.Name)]
public sealed class PtraceStressTests(PtraceFixture fixture) : PlatformStress(fixture), IClassFixture<PtraceFixture>;

public abstract class NotifyStress(PlatformFixture fixture) : PlatformStress(fixture)
{
    [Fact]
    public void A_guest_that_blocks_the_kick_can_still_be_killed()
    {
        Assembler c = new(64);
        Label loop = c.CreateLabel();
        c.mov(rsp, ToyImage.DataBase + 0x1008); // A frame of its own making, behind the return address.
        c.mov(eax, Sys.rt_sigreturn);
        c.mov(rbx, StubCode.RestorerAddress - 2);
        c.jmp(rbx);
        int entry = MachineCode.Assemble(c, ToyImage.Base).Length;
        c.Label(ref loop);
        c.jmp(loop);
        StressKernel kernel = new();
        IGuestThread thread = ToyImage.Load(Fixture.Platform, MachineCode.Assemble(c, ToyImage.Base), kernel);
        byte[] frame = new byte[440];
        BitConverter.TryWriteBytes(frame.AsSpan(176), ToyImage.Base + (ulong)entry); // rip
        BitConverter.TryWriteBytes(frame.AsSpan(192), 0x002B_0000_0000_0033ul); // segments
        BitConverter.TryWriteBytes(frame.AsSpan(304), ulong.MaxValue); // signal mask
        thread.AddressSpace.Write(new UserAddress(ToyImage.DataBase + 0x1000), frame);
        kernel.Add(thread);
        thread.Start();
        Thread.Sleep(20);
        thread.Interrupt();
        Thread.Sleep(20);
        Assert.Equal(0, kernel.Interrupts);
        Assert.Equal(1, kernel.Live);
        thread.Kill();
        kernel.WaitForAll();
    }
}

[Collection(AloneCollection.Name)]
public sealed class NotifyStressTests(NotifyFixture fixture) : NotifyStress(fixture), IClassFixture<NotifyFixture>;

[Collection(AloneCollection.Name)]
public sealed class NotifyStressOnOldKernelTests(OldKernelFixture fixture)
    : NotifyStress(fixture), IClassFixture<OldKernelFixture>;
