using Sandbox.Linux;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>
/// Sends the SIGIO of files whose readiness changed. Readiness is announced under a wait queue's lock, where no signal can
/// be sent; so the files queue here, and one thread, started with the first of them, sends.
/// </summary>
internal sealed class IoSignals : IDisposable
{
    private const int StackBytes = 256 << 10;
    private readonly HostFutex _alarm = new(); // Its word changes with every file that queues.
    private readonly Lock _startLock = new();
    private IoSignal? _first; // A stack, pushed to and emptied atomically.
    private Thread? _thread;
    private volatile bool _isDisposed;

    /// <summary>From now on somebody listens to <see cref="Queue"/>. Not under a wait queue's lock.</summary>
    public void Start()
    {
        lock (_startLock)
        {
            if (_thread is not null || _isDisposed)
                return;
            _thread = new Thread(Run, StackBytes) { IsBackground = true, Name = "io signals" };
            _thread.Start();
        }
    }

    /// <summary>From any thread, under any lock. The file is not queued at this moment.</summary>
    public void Queue(IoSignal signal)
    {
        do
            signal.NextQueued = Volatile.Read(ref _first);
        while (Interlocked.CompareExchange(ref _first, signal, signal.NextQueued) != signal.NextQueued);
        Wake();
    }

    public void Dispose()
    {
        _isDisposed = true;
        Wake();
    }

    private void Wake()
    {
        Interlocked.Increment(ref _alarm.Word);
        _alarm.Wake();
    }

    private void Run()
    {
        while (!_isDisposed)
        {
            int alarm = Volatile.Read(ref _alarm.Word);
            IoSignal? signal = Interlocked.Exchange(ref _first, null);
            if (signal is null)
                _alarm.Wait(alarm, long.MaxValue);
            while (signal is not null)
            {
                IoSignal? next = signal.NextQueued; // Sending lets it queue again.
                signal.Send();
                signal = next;
            }
        }
    }
}
