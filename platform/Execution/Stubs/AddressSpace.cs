using System.Runtime.InteropServices;
using Sandbox.Linux;

namespace Sandbox.Platform.Stubs;

/// <summary>A stub process and its guest threads.</summary>
internal sealed class AddressSpace : IAddressSpace
{
    /// <summary>
    /// However loaded the machine: only a thread stuck in the host takes longer, and then its space is killed.
    /// </summary>
    private const int ExchangeMilliseconds = 10_000;

    /// <summary>Honest threads come in within microseconds; for others nobody spins long.</summary>
    private const int YieldTurns = 200;

    private readonly Lock _lock = new();

    // Guarded by _lock.
    private readonly List<StubThread> _threads = [];
    private readonly List<StubThread> _exiting = [];
    private bool _isDead;
    private bool _isFrozen;

    /// <summary>Held by whoever makes the threads stand still.</summary>
    private readonly Lock _freezeLock = new();
    private readonly object _thaw = new();

    public AddressSpace(StubHost host, int processId, HostFd pidFd, SlotAllocator slots)
    {
        (Host, HostProcessId, PidFd, Slots) = (host, processId, pidFd, slots);
    }

    public StubHost Host { get; }

    /// <summary>Held while a thread of the space clones, or changes what a fork would copy.</summary>
    public Lock CloneLock { get; } = new();

    public int HostProcessId { get; }

    /// <summary>Owned by the exit watcher once the space is registered there.</summary>
    public HostFd PidFd { get; }

    public SlotAllocator Slots { get; }

    /// <summary>Asked before handlers' copies; null: the host makes each.</summary>
    public IMemoryHook? Hook { get; set; }

    /// <summary>Under which numbers descriptors are lent for commands.</summary>
    public LentNumbers LentNumbers { get; } = new();

    /// <summary>Descriptors were lent for mappings and may still be in the stub's table.</summary>
    public bool HasLentDescriptors { get; set; }

    /// <summary>What it had used when it ended; nothing before.</summary>
    public ResourceUsage Usage { get; private set; }

    public ulong ReservedStart => StubLayout.WindowStart;

    public ulong ReservedEnd => StubLayout.WindowEnd;

    public ulong StackTop => Host.Zygote.StackTop;

    public ulong ScratchAddress => StubLayout.ScratchStart;

    public ulong VdsoAddress => Host.Zygote.VdsoAddress;

    public Result<int> Read(UserAddress source, Span<byte> destination) =>
        Hook is { } hook && hook.TryRead(this, source, destination)
            ? destination.Length
            : ReadNow(source, destination);

    public Result<int> Write(UserAddress destination, ReadOnlySpan<byte> source) =>
        Hook is { } hook && hook.TryWrite(this, destination, source)
            ? source.Length
            : WriteNow(destination, source);

    /// <summary>As <see cref="Read"/>, of what really is in memory.</summary>
    public Result<int> ReadNow(UserAddress source, Span<byte> destination)
    {
        if (destination.IsEmpty)
            return 0;
        if (Volatile.Read(ref _isDead))
            return Errno.EFAULT; // Its id may be another's by now.
        Result<int> result = HostProcess.ReadMemory(HostProcessId, source.Value, destination);
        return result.Error is Errno.ESRCH ? Errno.EFAULT : result;
    }

    /// <summary>As <see cref="Write"/>, at once.</summary>
    public Result<int> WriteNow(UserAddress destination, ReadOnlySpan<byte> source)
    {
        if (source.IsEmpty)
            return 0;
        if (Volatile.Read(ref _isDead))
            return Errno.EFAULT;
        Result<int> result = HostProcess.WriteMemory(HostProcessId, destination.Value, source);
        return result.Error is Errno.ESRCH ? Errno.EFAULT : result;
    }

    /// <summary>True if all bytes were read, now.</summary>
    public bool TryRead<T>(ulong address, out T value)
        where T : unmanaged
    {
        value = default;
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<T>(ref value));
        return !ReadNow(new UserAddress(address), bytes).Failed(out int count, out _) && count == bytes.Length;
    }

    /// <summary>True if all bytes were written, now.</summary>
    public bool TryWrite(ulong address, ReadOnlySpan<byte> bytes) =>
        !WriteNow(new UserAddress(address), bytes).Failed(out int count, out _) && count == bytes.Length;

    /// <summary>
    /// Linux lets nobody compare and exchange in another process's memory, so every thread of this space is made to
    /// stand still meanwhile. Memory shared with other spaces is safe against the Sentry's own threads only. EAGAIN if
    /// a thread cannot be brought to a stand.
    /// </summary>
    public Result<uint> CompareExchange(UserAddress address, uint expected, uint value)
    {
        if (BeginExchange() is not Errno.Ok and Errno error)
            return error;
        Result<uint> found = Exchange(address, expected, value);
        EndExchange();
        return found;
    }

    public Errno BeginExchange()
    {
        GuestWait.Begin();
        Hook?.Flush();
        _freezeLock.Enter();
        if (TryFreeze(ExchangeMilliseconds))
            return Errno.Ok;
        Kill();
        EndExchange();
        return Errno.EAGAIN;
    }

    public Result<uint> Exchange(UserAddress address, uint expected, uint value)
    {
        if ((address.Value & 3) != 0)
            return Errno.EINVAL;
        lock (Host.ExchangeLock)
        {
            if (!TryRead(address.Value, out uint found))
                return Errno.EFAULT;
            if (found != expected)
                return found;
            return TryWrite(address.Value, MemoryMarshal.AsBytes(new ReadOnlySpan<uint>(in value)))
                ? found
                : Errno.EFAULT;
        }
    }

    public void EndExchange()
    {
        Thaw();
        _freezeLock.Exit();
    }

    /// <summary>
    /// Runs <paramref name="change"/> while no other thread runs guest code. Not at all if they cannot be brought to a
    /// stand in time. The caller owns a thread of this space.
    /// </summary>
    public void TryWhileFrozen(int limitMilliseconds, Action change)
    {
        lock (_freezeLock)
        {
            try
            {
                if (TryFreeze(limitMilliseconds))
                    change();
            }
            finally
            {
                Thaw();
            }
        }
    }

    /// <summary>Sleeps until the thread may run again, or its stub is gone.</summary>
    public void AwaitThaw(StubThread thread)
    {
        lock (_thaw)
        {
            while ((thread.State & (ThreadStates.Frozen | ThreadStates.Gone)) == ThreadStates.Frozen)
                Monitor.Wait(_thaw);
        }
    }

    public Result<HostMapping> FindMapping(UserAddress address) =>
        Host.Proc.FindMapping(HostProcessId, address.Value);

    public Errno ListMappings(List<HostMapping> mappings)
    {
        if (ReadProcFile("maps"u8).Failed(out byte[]? maps, out Errno error))
            return error;
        MapsParser.List(maps, mappings);
        return Errno.Ok;
    }

    public Result<byte[]> ReadProcFile(ReadOnlySpan<byte> name) =>
        Host.Proc.Read(HostProcessId, name);

    public Result<int> ReadProcFileAt(ReadOnlySpan<byte> name, long offset, Span<byte> destination) =>
        Host.Proc.ReadAt(HostProcessId, name, offset, destination);

    public Errno SetLimit(int resource, ulong soft, ulong hard)
    {
        if (HostProcess.GetLimit(HostProcessId, resource).Failed(out (ulong Soft, ulong Hard) now, out Errno error))
            return error;
        ulong newHard = Math.Min(hard, now.Hard);
        return HostProcess.SetLimit(HostProcessId, resource, Math.Min(soft, newHard), newHard);
    }

    /// <summary>A duplicate of a descriptor of the stub, for the caller. ESRCH, EBADF.</summary>
    public Result<int> TakeDescriptor(int number)
    {
        lock (_lock)
            return _isDead ? Errno.ESRCH : HostProcess.GetFd(PidFd.Number, number);
    }

    public void Kill()
    {
        lock (_lock) // So that the descriptor is not closed, and its number taken, in between.
        {
            if (!_isDead)
                HostProcess.Signal(PidFd.Number, Signal.Kill);
        }
    }

    /// <summary>False if the stub died before the thread could be entered.</summary>
    public bool TryAdd(StubThread thread)
    {
        lock (_lock)
        {
            if (_isDead)
                return false;
            if (_isFrozen)
                thread.Freeze();
            _threads.Add(thread);
            return true;
        }
    }

    /// <summary>
    /// Takes the thread out, for it is about to end. False if it is the last: then it stays,
    /// and the whole stub has to go.
    /// </summary>
    public bool TryRemove(StubThread thread)
    {
        lock (_lock)
        {
            if (_threads.Count <= 1) // None at all if the stub died meanwhile.
                return false;
            _threads.Remove(thread);
            _exiting.Add(thread);
            return true;
        }
    }

    /// <summary>A thread that was taken out has ended.</summary>
    public void OnThreadEnd(StubThread thread)
    {
        lock (_lock)
            _exiting.Remove(thread);
    }

    /// <summary>Its threads at this moment, without those that are about to end.</summary>
    public StubThread[] ListThreads()
    {
        lock (_lock)
            return [.. _threads];
    }

    /// <summary>True if no other thread of this space is left.</summary>
    public bool IsLast(StubThread thread)
    {
        lock (_lock)
            return _threads.Count == 1 && _threads[0] == thread;
    }

    /// <summary>
    /// The stub has ended and is not reaped yet, so that its id is still its own: from here on nobody uses that any
    /// more. Comes once, from the exit watcher.
    /// </summary>
    public void MarkDead(in ResourceUsage usage)
    {
        lock (_lock)
        {
            Usage = usage;
            Volatile.Write(ref _isDead, true);
        }
    }

    /// <summary>The stub is gone and reaped: its threads are told.</summary>
    public void OnProcessEnd(int signal)
    {
        StubThread[] threads;
        StubThread[] exiting;
        lock (_lock)
        {
            threads = [.. _threads];
            exiting = [.. _exiting];
            _threads.Clear();
            _exiting.Clear();
        }

        foreach (StubThread thread in exiting)
            thread.EndExit(signal);
        foreach (StubThread thread in threads)
            thread.OnProcessEnd(signal);
        lock (_thaw)
            Monitor.PulseAll(_thaw); // Whoever waits there is no longer in the list that is thawed.
    }

    /// <summary>True if all bytes of both were written.</summary>
    public bool TryWriteBoth(
        ulong firstAddress, ReadOnlySpan<byte> first, ulong secondAddress, ReadOnlySpan<byte> second)
    {
        Result<int> result = HostProcess.WriteMemory(HostProcessId, firstAddress, first, secondAddress, second);
        return !result.Failed(out int count, out _) && count == first.Length + second.Length;
    }

    /// <summary>True when no thread runs. Threads that run are kicked, and come in within microseconds.</summary>
    private bool TryFreeze(int limitMilliseconds)
    {
        StubThread[] threads;
        lock (_lock)
        {
            _isFrozen = true;
            threads = [.. _threads];
        }

        foreach (StubThread thread in threads)
            thread.Freeze();
        long deadline = Environment.TickCount64 + limitMilliseconds;
        int turns = 0;
        foreach (StubThread thread in threads)
        {
            while ((thread.State & (ThreadStates.Busy | ThreadStates.Gone)) == 0)
            {
                if (Environment.TickCount64 > deadline)
                    return false;
                if (turns++ < YieldTurns)
                    HostSyscall.Call(Sys.sched_yield);
                else
                    Thread.Sleep(1);
            }
        }

        return true;
    }

    private void Thaw()
    {
        lock (_lock)
        {
            _isFrozen = false;
            foreach (StubThread thread in _threads)
                thread.Clear(ThreadStates.Frozen);
            foreach (StubThread thread in _exiting)
                thread.Clear(ThreadStates.Frozen);
        }

        lock (_thaw)
            Monitor.PulseAll(_thaw);
    }
}
