using System.Collections.Concurrent;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Platform.Notify;
using Sandbox.Platform.Ptrace;
using Sandbox.Platform.Stubs;

namespace Sandbox.UnitTests.Platform;

/// <summary>A guest image at a fixed address, assembled bytes, mapped into a fresh address space.</summary>
internal static class ToyImage
{
    public const ulong Base = 0x10000, DataBase = 0x200000;
    public const int CodeBytes = 0x10000, DataBytes = 0x10000;

    public static IGuestThread Load(IPlatform platform, ReadOnlySpan<byte> code, IGuestEvents events)
    {
        if (platform.CreateAddressSpace().Failed(out IGuestThread? thread, out Errno error))
            throw new InvalidOperationException($"no address space: {error}");
        const int all = 7, privateFixedAnonymous = 0x32;
        Span<HostCommand> commands =
        [
            new(Sys.mmap, (long)Base, CodeBytes, all, privateFixedAnonymous, -1),
            new(Sys.mmap, (long)DataBase, DataBytes, 3, privateFixedAnonymous, -1),
        ];
        if (thread.Execute(commands, true) is not Errno.Ok and Errno failed)
            throw new InvalidOperationException($"no mappings: {failed}");
        if (commands[1].Result != (long)DataBase)
            throw new InvalidOperationException($"no mapping: {commands[0].Result} {commands[1].Result}");
        if (thread.AddressSpace.Write(new UserAddress(Base), code).Failed(out int written, out error)
            || written != code.Length)
            throw new InvalidOperationException($"no code: {error}");
        thread.Registers = new UserRegisters
        {
            Rip = Base, Rsp = thread.AddressSpace.StackTop - 0x1000, Eflags = 0x202,
        };
        thread.WriteExtendedState([]);
        thread.Events = events;
        return thread;
    }
}

/// <summary>Records what happens and answers by delegates; a call without an answer is ENOSYS.</summary>
internal sealed class ToyKernel : IGuestEvents
{
    private readonly object _lock = new();
    private int _live = 1;

    public ConcurrentQueue<(int Number, ulong A0, ulong A1)> Calls { get; } = new();

    public ConcurrentQueue<string> Events { get; } = new();

    public Func<IGuestThread, GuestAction?> Syscall { get; set; } = _ => null;

    public Func<IGuestThread, FaultInfo, GuestAction> Fault { get; set; } = (_, _) => GuestAction.Exit;

    public Func<IGuestThread, GuestAction> Interrupt { get; set; } = _ => GuestAction.Resume;

    public int Exits;

    public ulong ExitStatus { get; private set; }

    public GuestAction OnSyscall(IGuestThread thread)
    {
        SyscallArguments call = thread.Syscall;
        Calls.Enqueue((call.Number, call.A0, call.A1));
        if (Syscall(thread) is GuestAction action)
            return action;
        if (call.Number is Sys.exit_group or Sys.exit)
        {
            ExitStatus = call.A0;
            return GuestAction.Exit;
        }

        return GuestAction.Return(-(long)Errno.ENOSYS);
    }

    public void OnUnread(IGuestThread thread, int descriptor, long bytes)
    {
    }

    public GuestAction OnFault(IGuestThread thread, in FaultInfo info)
    {
        Events.Enqueue($"fault {info.Signal}");
        return Fault(thread, info);
    }

    public GuestAction OnInterrupt(IGuestThread thread)
    {
        Events.Enqueue("interrupt");
        return Interrupt(thread);
    }

    public void OnExit(IGuestThread thread, int hostSignal)
    {
        Events.Enqueue($"exit {hostSignal}");
        Interlocked.Increment(ref Exits);
        lock (_lock)
        {
            _live--;
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>One more thread whose exit <see cref="WaitForExit"/> waits for.</summary>
    public void Expect()
    {
        lock (_lock)
            _live++;
    }

    public void WaitForExit()
    {
        const int seconds = 10;
        long deadline = Environment.TickCount64 + (seconds * 1000);
        lock (_lock)
        {
            while (_live > 0 && Environment.TickCount64 < deadline)
                Monitor.Wait(_lock, 100);
            if (_live == 0)
                return;
        }

        throw new TimeoutException(
            $"the guest did not end; calls: {string.Join(' ', Calls)}; events: {string.Join(' ', Events)}; "
            + $"log: {string.Join(' ', PlatformFixture.Lines)}");
    }
}

/// <summary>One platform for the tests of a class.</summary>
public abstract class PlatformFixture(IPlatform platform) : IDisposable
{
    public IPlatform Platform => platform;

    /// <summary>Stubs that live, and host threads that serve guests.</summary>
    public abstract (int Stubs, int Threads) Counts { get; }

    public static ConcurrentQueue<string> Lines { get; } = new();

    public void Dispose()
    {
        platform.Dispose();
        GC.SuppressFinalize(this);
    }
}

/// <summary>The notification platform.</summary>
public class NotifyFixture : PlatformFixture
{
    public NotifyFixture()
        : base(new NotifyPlatform(new NotifyPlatformOptions { Log = Lines.Enqueue }))
    {
    }

    public override (int Stubs, int Threads) Counts => Notify.Counts;

    private protected NotifyPlatform Notify => (NotifyPlatform)Platform;
}

/// <summary>A platform that does as on a kernel before 6.11, where a receiver must poll to learn of the end.</summary>
public sealed class OldKernelFixture : NotifyFixture
{
    public OldKernelFixture() => Notify.EndWakesReceivers = false;
}

/// <summary>The ptrace platform.</summary>
public sealed class PtraceFixture : PlatformFixture
{
    public PtraceFixture()
        : base(new PtracePlatform(new StubOptions { Log = Lines.Enqueue }))
    {
    }

    public override (int Stubs, int Threads) Counts => ((PtracePlatform)Platform).Counts;
}
