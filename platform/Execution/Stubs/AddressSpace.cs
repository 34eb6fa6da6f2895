using System.Runtime.InteropServices;
using Sandbox.Linux;

namespace Sandbox.Platform.Stubs;

/// <summary>A stub process and its guest threads.</summary>
internal sealed class AddressSpace : IAddressSpace
{
    /// <summary>However loaded the machine: only a thread stuck in the host takes longer.</summary>
    private const int ExchangeMilliseconds = 10_000;

    private readonly Lock _lock = new();

    // Guarded by _lock.
    private readonly List<StubThread> _threads = [];
    private readonly List<StubThread> _exiting = [];
    private bool _isDead;
    private bool _isFrozen;

    /// <summary>Held by whoever makes the threads stand still.</summary>
    private readonly Lock _freezeLock = new();
    private readonly object _thaw = new();

    /// <summary>A thread of the stub that still runs: the leader's memory is out of reach once it has exited.</summary>
    private int _accessThreadId;

    public AddressSpace(StubHost host, int processId, HostFd pidFd, SlotAllocator slots)
    {
        (Host, HostProcessId, PidFd, Slots) = (host, processId, pidFd, slots);
        _accessThreadId = processId;
    }

    public StubHost Host { get; }

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
        while (!destination.IsEmpty)
        {
            int tid = Volatile.Read(ref _accessThreadId);
            Result<int> result = HostProcess.ReadMemory(tid, source.Value, destination);
            if (result.Error is not Errno.ESRCH || tid == Volatile.Read(ref _accessThreadId))
                return result.Error is Errno.ESRCH ? Errno.EFAULT : result;
        }
        return 0;
    }

    /// <summary>As <see cref="Write"/>, at once.</summary>
    public Result<int> WriteNow(UserAddress destination, ReadOnlySpan<byte> source)
    {
        while (!source.IsEmpty)
        {
            int tid = Volatile.Read(ref _accessThreadId);
            Result<int> result = HostProcess.WriteMemory(tid, destination.Value, source);
            if (result.Error is not Errno.ESRCH || tid == Volatile.Read(ref _accessThreadId))
                return result.Error is Errno.ESRCH ? Errno.EFAULT : result;
        }
        return 0;
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
    /// stand still meanwhile. Memory shared with other spaces is safe against the Sentry's own threads only. EAGAIN if a
    /// thread cannot be brought to a stand.
    /// </summary>
    public Result<uint> CompareExchange(UserAddress address, uint expected, uint value)
    {
        if ((address.Value & 3) != 0)
            return Errno.EINVAL;
        Hook?.Flush();
        lock (_freezeLock)
        {
            try
            {
                if (!TryFreeze(ExchangeMilliseconds))
                    return Errno.EAGAIN;
                lock (Host.ExchangeLock)
                    return Exchange(address.Value, expected, value);
            }
            finally
            {
                Thaw();
            }
        }
    }

    /// <summary>
    /// Runs <paramref name="change"/> while no other thread runs guest code. Not at all if they cannot be brought to a stand
    /// in time. The caller owns a thread of this space.
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

    /// <summary>Sleeps until the thread may run again.</summary>
    public void AwaitThaw(StubThread thread)
    {
        lock (_thaw)
        {
            while ((thread.State & ThreadStates.Frozen) != 0)
                Monitor.Wait(_thaw);
        }
    }

    public Result<HostMapping> FindMapping(UserAddress address) =>
        Host.Proc.FindMapping(Volatile.Read(ref _accessThreadId), address.Value);

    public Errno ListMappings(List<HostMapping> mappings)
    {
        if (ReadProcFile("maps"u8).Failed(out byte[]? maps, out Errno error))
            return error;
        MapsParser.List(maps, mappings);
        return Errno.Ok;
    }

    public Result<byte[]> ReadProcFile(ReadOnlySpan<byte> name) =>
        Host.Proc.Read(Volatile.Read(ref _accessThreadId), name);

    public Result<int> ReadProcFileAt(ReadOnlySpan<byte> name, long offset, Span<byte> destination) =>
        Host.Proc.ReadAt(Volatile.Read(ref _accessThreadId), name, offset, destination);

    public Errno SetLimit(int resource, ulong soft, ulong hard)
    {
        if (HostProcess.GetLimit(HostProcessId, resource).Failed(out (ulong Soft, ulong Hard) now, out Errno error))
            return error;
        ulong newHard = Math.Min(hard, now.Hard);
        return HostProcess.SetLimit(HostProcessId, resource, Math.Min(soft, newHard), newHard);
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
    /// Takes the thread out, for it is about to end. False if it is the last: then it stays, and the whole stub has to go.
    /// </summary>
    public bool TryRemove(StubThread thread)
    {
        lock (_lock)
        {
            if (_threads.Count <= 1) // None at all if the stub died meanwhile.
                return false;
            _threads.Remove(thread);
            _exiting.Add(thread);
            if (_accessThreadId == thread.HostThreadId)
                Volatile.Write(ref _accessThreadId, _threads[0].HostThreadId);
            return true;
        }
    }

    /// <summary>A thread that was taken out has ended.</summary>
    public void OnThreadEnd(StubThread thread)
    {
        lock (_lock)
            _exiting.Remove(thread);
    }

    /// <summary>True if no other thread of this space is left.</summary>
    public bool IsLast(StubThread thread)
    {
        lock (_lock)
            return _threads.Count == 1 && _threads[0] == thread;
    }

    /// <summary>The stub is gone; comes once, from the exit watcher.</summary>
    public void OnProcessEnd(int signal)
    {
        StubThread[] threads;
        StubThread[] exiting;
        lock (_lock)
        {
            _isDead = true;
            threads = [.. _threads];
            exiting = [.. _exiting];
            _threads.Clear();
            _exiting.Clear();
        }
        foreach (StubThread thread in exiting)
            thread.EndExit(signal);
        foreach (StubThread thread in threads)
            thread.OnProcessEnd(signal);
    }

    /// <summary>True if all bytes of both were written.</summary>
    public bool TryWriteBoth(ulong firstAddress, ReadOnlySpan<byte> first, ulong secondAddress, ReadOnlySpan<byte> second)
    {
        while (true)
        {
            int tid = Volatile.Read(ref _accessThreadId);
            Result<int> result = HostProcess.WriteMemory(tid, firstAddress, first, secondAddress, second);
            if (result.Error is not Errno.ESRCH || tid == Volatile.Read(ref _accessThreadId))
                return !result.Failed(out int count, out _) && count == first.Length + second.Length;
        }
    }

    private Result<uint> Exchange(ulong address, uint expected, uint value)
    {
        if (!TryRead(address, out uint found))
            return Errno.EFAULT;
        if (found != expected)
            return found;
        return TryWrite(address, MemoryMarshal.AsBytes(new ReadOnlySpan<uint>(in value))) ? found : Errno.EFAULT;
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
        foreach (StubThread thread in threads)
        {
            while ((thread.State & (ThreadStates.Busy | ThreadStates.Gone)) == 0)
            {
                if (Environment.TickCount64 > deadline)
                    return false;
                HostSyscall.Call(Sys.sched_yield);
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
