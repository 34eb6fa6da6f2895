using Sandbox.Linux;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Ptrace;

/// <summary>
/// Notices the death of a stub whose first thread ran guest code while all others had handlers: the host tells nobody
/// of a first thread's end before the others are reaped, and their tracers are busy. Looks once a second at such stubs,
/// and sleeps for good where there are none; a first thread that waits in a handler costs nothing. It also is the
/// thread that looks for <see cref="StrayStubs"/>.
/// </summary>
internal sealed class DeathWatch
{
    private const int PeriodMilliseconds = 1000, StackBytes = 128 << 10;

    private readonly object _lock = new();
    private readonly HashSet<AddressSpace> _spaces = []; // Guarded by _lock.
    private readonly StrayStubs _strays;

    public DeathWatch(StrayStubs strays)
    {
        _strays = strays;
        if (!HostThread.TryStart("death watch", StackBytes, Run))
            throw new PlatformNotSupportedException("the host has no room for a thread");
    }

    /// <summary>The space has more than one thread now.</summary>
    public void Add(AddressSpace space)
    {
        lock (_lock)
        {
            _spaces.Add(space);
            Monitor.Pulse(_lock);
        }
    }

    /// <summary>There may be a stray.</summary>
    public void Wake()
    {
        lock (_lock)
            Monitor.Pulse(_lock);
    }

    private void Run()
    {
        while (true)
        {
            lock (_lock)
            {
                while (_spaces.Count == 0 && !_strays.IsAtWork)
                    Monitor.Wait(_lock);
            }

            Thread.Sleep(PeriodMilliseconds);
            lock (_lock)
                _spaces.RemoveWhere(IsOver);
            _strays.Look();
        }
    }

    /// <summary>True if the space has but one thread, or none: a further one comes with <see cref="Add"/>.</summary>
    private static bool IsOver(AddressSpace space)
    {
        StubThread[] threads = space.ListThreads();
        if (threads.Length <= 1)
            return true;
        bool isLeaderRunning = Array.Exists(
            threads, thread => thread.HostThreadId == space.HostProcessId && !thread.IsStandingStill);
        if (!isLeaderRunning)
            return false;
        foreach (StubThread thread in threads)
        {
            if (thread.HostThreadId != space.HostProcessId && thread.IsStandingStill)
                ((TracedThread)thread).ReapIfEnded();
        }

        return false;
    }
}
