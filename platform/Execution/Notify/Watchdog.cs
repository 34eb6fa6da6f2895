using Sandbox.Linux;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Notify;

/// <summary>
/// Watches guest threads that somebody waits for: those that were kicked and have not come in, those that run commands,
/// and those that were told to exit. One that runs on instead, which only a hostile guest can bring about, loses its
/// address space. Runs only while there is somebody to watch.
/// </summary>
/// <remarks>
/// What convicts a thread is its own processor time, not the clock: a busy machine makes nobody guilty. An honest
/// thread takes a kick as soon as it returns to guest code, so it never uses the processor with the kick pending and
/// blocked, but for the microseconds of the stub's own code.
/// </remarks>
internal sealed class Watchdog : IDisposable
{
    private const int StackBytes = 128 << 10;
    private const long PeriodNanoseconds = 50_000_000;
    private const int Idle = 0, Watching = 1, Stopping = 2;

    private readonly HostFutex _state = new();
    private readonly Lock _lock = new();
    private readonly List<GuestThread> _added = []; // Guarded by _lock.
    private readonly List<WatchedThread> _watched = []; // The watchdog's own.
    private readonly ManualResetEventSlim _ended = new(true);
    private readonly StrayStubs _strays;

    public Watchdog(StrayStubs strays)
    {
        _strays = strays;
        _ended.Reset();
        if (HostThread.TryStart("watchdog", StackBytes, Run))
            return;
        _ended.Set();
        throw new PlatformNotSupportedException("the host has no room for a thread");
    }

    /// <summary>The thread, which is marked as watched, is waited for.</summary>
    public void Add(GuestThread thread)
    {
        lock (_lock)
            _added.Add(thread);
        Wake();
    }

    /// <summary>Something is to be done for the strays.</summary>
    public void Wake()
    {
        if (Interlocked.CompareExchange(ref _state.Word, Watching, Idle) == Idle)
            _state.Wake();
    }

    public void Dispose()
    {
        Volatile.Write(ref _state.Word, Stopping);
        _state.Wake();
        _ended.Wait();
    }

    private void Run()
    {
        while (Volatile.Read(ref _state.Word) != Stopping)
        {
            if (HasNothingToDo()
                && Interlocked.CompareExchange(ref _state.Word, Idle, Watching) != Stopping)
            {
                if (!HasNothingToDo())
                    Interlocked.CompareExchange(ref _state.Word, Watching, Idle);
                else
                    _state.Wait(Idle, long.MaxValue);
                continue;
            }

            _state.Wait(Watching, HostClock.Now(HostClock.Monotonic) + PeriodNanoseconds);
            TakeAdded();
            _watched.RemoveAll(static watched => watched.Look());
            _strays.Look();
        }

        _ended.Set();
    }

    private bool HasNothingToDo() => !TakeAdded() && _watched.Count == 0 && !_strays.IsAtWork;

    private bool TakeAdded()
    {
        lock (_lock)
        {
            if (_added.Count == 0)
                return false;
            foreach (GuestThread thread in _added)
                _watched.Add(new WatchedThread(thread));
            _added.Clear();
            return true;
        }
    }
}
