using Sandbox.Linux;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>
/// Sends the SIGIO of files whose readiness changed. Readiness is announced under a wait queue's lock, where no signal
/// can be sent; so the files queue here, and one thread, started with the first of them, sends.
/// </summary>
internal sealed class IoSignals : IDisposable
{
    private const int StackBytes = 256 << 10;
    private readonly HostFutex _alarm = new(); // Its word changes with every file that queues.
    private readonly Lock _startLock = new();
    private IoSignal? _first; // A stack, pushed to and emptied atomically.
    private bool _isStarted; // Guarded by _startLock.
    private volatile bool _isDisposed;

    /// <summary>From now on somebody listens to <see cref="Queue"/>. Not under a wait queue's lock.</summary>
    public void Start()
    {
        lock (_startLock)
        {
            if (_isStarted || _isDisposed)
                return;
            _isStarted = HostThread.TryStart("io signals", StackBytes, Run);
            if (!_isStarted)
                throw new InvalidOperationException("the host has no room for the thread that sends SIGIO");
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
                try
                {
                    signal.Send();
                }
                catch (Exception exception)
                {
                    HostThread.Report("io signals", exception); // It is one file's; all others go on.
                }

                signal = next;
            }
        }
    }
}
