namespace Sandbox.Platform.Ptrace;

/// <summary>
/// Idle tracers, kept for the next guest thread: starting a host thread costs more than waking one. A guest thread's
/// tracer is taken before the thread is made, so that the host's having no room for one more is an error of clone(2).
/// </summary>
internal sealed class TracerPool
{
    private const int MaxIdle = 64;

    private readonly Lock _lock = new();
    private readonly Stack<Tracer> _idle = new(); // Guarded by _lock.
    private int _count;

    /// <summary>How many host threads exist for tracing: for tests and statistics.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>A tracer without a guest thread. Null: EAGAIN, the host has no room for a thread.</summary>
    public Tracer? TryTake()
    {
        lock (_lock)
        {
            if (_idle.TryPop(out Tracer? idle))
                return idle;
        }

        Tracer? tracer = Tracer.TryCreate(this);
        if (tracer is not null)
            Interlocked.Increment(ref _count);
        return tracer;
    }

    /// <summary>The tracer has no guest thread any more, or never got one; it is kept, or ends.</summary>
    public void Release(Tracer tracer)
    {
        lock (_lock)
        {
            if (_idle.Count < MaxIdle)
            {
                _idle.Push(tracer);
                return;
            }
        }

        Interlocked.Decrement(ref _count);
        tracer.Assign(null);
    }
}
