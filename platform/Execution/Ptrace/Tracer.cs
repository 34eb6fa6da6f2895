using Sandbox.Linux;

namespace Sandbox.Platform.Ptrace;

/// <summary>
/// A host thread that traces one guest thread at a time: ptrace(2) knows a tracer by its thread, so whatever is asked
/// of the guest thread is done here. It serves others until the guest thread is started,
/// and runs its handlers from then on.
/// </summary>
internal sealed class Tracer
{
    private const int StackBytes = 256 << 10;
    private const string Name = "tracer";

    private readonly TracerPool _pool;
    private readonly object _lock = new();

    // Guarded by _lock.
    private readonly Queue<Action> _work = new();
    private TracedThread? _tracee;
    private bool _isLeaving;

    private int _hostThread;

    private Tracer(TracerPool pool) => _pool = pool;

    /// <summary>Null: EAGAIN, the host has no room for a thread.</summary>
    public static Tracer? TryCreate(TracerPool pool)
    {
        Tracer tracer = new(pool);
        return HostThread.TryStart(Name, StackBytes, tracer.Run) ? tracer : null;
    }

    /// <summary>The calling host thread is this one.</summary>
    public bool IsCurrent => Volatile.Read(ref _hostThread) == Environment.CurrentManagedThreadId;

    /// <summary>Gives an idle tracer its guest thread; null ends it.</summary>
    public void Assign(TracedThread? tracee)
    {
        lock (_lock)
        {
            (_tracee, _isLeaving) = (tracee, tracee is null);
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>
    /// Has something done here, and waits for it: at once if this is the calling thread. Only while the tracer serves,
    /// which it does from Assign until <see cref="TracedThread.IsServed"/> is false.
    /// </summary>
    public void Invoke(Action work)
    {
        if (IsCurrent)
        {
            work();
            return;
        }

        using ManualResetEventSlim done = new();
        Exception? failure = null;
        Post(() =>
        {
            try
            {
                work();
            }
            catch (Exception exception)
            {
                failure = exception;
            }

            done.Set();
        });
        done.Wait();
        if (failure is not null)
            throw new InvalidOperationException("the tracer failed", failure);
    }

    /// <summary>Has something done here.</summary>
    public void Post(Action work)
    {
        lock (_lock)
        {
            _work.Enqueue(work);
            Monitor.PulseAll(_lock);
        }
    }

    private void Run()
    {
        Volatile.Write(ref _hostThread, Environment.CurrentManagedThreadId);
        while (AwaitTracee() is { } tracee)
        {
            while (tracee.IsServed)
                AwaitWork()();
            tracee.Run();
            lock (_lock)
                _tracee = null;
            _pool.Release(this);
        }
    }

    /// <summary>
    /// Sleeps until there is a guest thread; null: leave. Work for one that is gone by now is still done.
    /// </summary>
    private TracedThread? AwaitTracee()
    {
        while (true)
        {
            Action? late;
            lock (_lock)
            {
                while (_tracee is null && !_isLeaving && _work.Count == 0)
                    Monitor.Wait(_lock);
                if (!_work.TryDequeue(out late))
                    return _tracee;
            }

            late();
        }
    }

    private Action AwaitWork()
    {
        lock (_lock)
        {
            while (_work.Count == 0)
                Monitor.Wait(_lock);
            return _work.Dequeue();
        }
    }
}
