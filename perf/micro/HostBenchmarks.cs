using BenchmarkDotNet.Attributes;
using Sandbox.Linux;
using Sandbox.Sentry.Sync;

namespace Sandbox.Perf;

/// <summary>What the sentry pays for a host call and for a lock.</summary>
[MemoryDiagnoser]
public class HostBenchmarks
{
    private readonly RankedLock _lock = new(LockRank.Leaf);
    private readonly WaitQueue _queue = new();

    [Benchmark]
    public long Host_call() => HostSyscall.Call(Sys.getppid);

    [Benchmark]
    public long Host_call_without_transition() => HostSyscall.CallShort(Sys.getppid);

    [Benchmark]
    public void Lock()
    {
        using (_lock.Enter())
        {
        }
    }

    [Benchmark]
    public void Wake_an_empty_queue() => _queue.Notify(PollEvents.Readable);
}
