using System.Runtime.ExceptionServices;
using Sandbox.Linux;

namespace Sandbox.Platform.Stubs;

/// <summary>
/// Keeps a few fresh stubs ready, so that an exec does not wait for a fork. One host thread owns the zygote process for
/// its whole life.
/// </summary>
internal sealed class Zygote : IDisposable
{
    private const int StackBytes = 256 << 10;

    private readonly StubHost _host;
    private readonly IStubMaker _maker;
    private readonly HostCgroup? _cgroup;
    private readonly Thread _thread;
    private readonly object _lock = new();

    /// <summary>Counts what may be a reason to make a stub: what the zygote's thread sleeps on.</summary>
    private readonly HostFutex _demand = new();

    // Guarded by _lock.
    private readonly Queue<IGuestThread> _ready = new();
    private int _target;
    private int _waiting;
    private bool _isStopping;
    private bool _isStarted;
    private int _processId;
    private Errno _error;
    private Exception? _failure;

    public Zygote(StubHost host, IStubMaker maker, HostCgroup? cgroup)
    {
        (_host, _maker, _cgroup) = (host, maker, cgroup);
        _thread = new Thread(Run, StackBytes) { IsBackground = true, Name = "zygote" };
        _thread.Start();
        lock (_lock)
        {
            while (!_isStarted)
                Monitor.Wait(_lock);
        }

        if (_failure is not null)
            ExceptionDispatchInfo.Throw(_failure);
    }

    /// <summary>The thread whose children all stubs are, and the zygote.</summary>
    public int HostThreadId { get; private set; }

    public ulong StackTop { get; private set; }

    public ulong VdsoAddress { get; private set; }

    /// <summary>True of the zygote's own process.</summary>
    public bool Is(int process) => process == Volatile.Read(ref _processId);

    /// <summary>From now on so many stubs are kept ready: not before the platform can adopt them.</summary>
    public void KeepReady(int count)
    {
        lock (_lock)
            _target = count;
        Demand();
    }

    /// <summary>A fresh stub, stopped. EAGAIN, ENOMEM.</summary>
    public Result<IGuestThread> Take()
    {
        IGuestThread? thread;
        lock (_lock)
        {
            _error = Errno.Ok;
            if (!_ready.TryDequeue(out thread))
            {
                _waiting++;
                Demand();
                while (_ready.Count == 0 && _error == Errno.Ok && !_isStopping)
                    Monitor.Wait(_lock);
                _waiting--;
                if (!_ready.TryDequeue(out thread))
                    return _isStopping ? Errno.EAGAIN : _error;
            }
        }

        Demand(); // Not with the lock: the thread would wake only to wait for it.
        return Result<IGuestThread>.Of(thread);
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _isStopping = true;
            Monitor.PulseAll(_lock);
        }

        Demand();
        _thread.Join();
    }

    private void Run()
    {
        ZygoteProcess process;
        try
        {
            process = ZygoteProcess.Spawn(_maker.Filter, _host.UsesFsGsBase);
            if (_cgroup?.Enter(process.ProcessId) is not (null or Errno.Ok) and Errno unmoved)
                _host.Log($"stubs cannot be charged to their container: {unmoved}");
            (StackTop, VdsoAddress) = (process.StackTop, process.VdsoAddress);
            (HostThreadId, _processId) = ((int)HostSyscall.Call(Sys.gettid), process.ProcessId);
        }
        catch (Exception exception)
        {
            Started(exception);
            return;
        }

        Started(null);
        using (process)
        {
            while (AwaitDemand())
                Produce(process);
        }
    }

    private void Started(Exception? failure)
    {
        lock (_lock)
        {
            (_isStarted, _failure) = (true, failure);
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Sleeps until a stub is wanted. False: stop.</summary>
    private bool AwaitDemand()
    {
        while (true)
        {
            int seen = Volatile.Read(ref _demand.Word);
            lock (_lock)
            {
                // After an error only somebody who waits is a reason to try again.
                if (_isStopping || _ready.Count < (_error == Errno.Ok ? Math.Max(_target, _waiting) : _waiting))
                    return !_isStopping;
            }

            _demand.Wait(seen, long.MaxValue);
        }
    }

    private void Demand()
    {
        Interlocked.Increment(ref _demand.Word);
        _demand.Wake();
    }

    private void Produce(ZygoteProcess process)
    {
        Result<IGuestThread> result;
        try
        {
            result = CreateStub(process);
        }
        catch (Exception exception)
        {
            _host.Log($"internal error in the zygote's thread: {exception}");
            result = Errno.EAGAIN;
        }

        lock (_lock)
        {
            if (result.Failed(out IGuestThread? thread, out Errno error))
                _error = error is Errno.ENOMEM ? error : Errno.EAGAIN;
            else
                _ready.Enqueue(thread);
            if (_waiting > 0)
                Monitor.PulseAll(_lock);
        }
    }

    private Result<IGuestThread> CreateStub(ZygoteProcess process)
    {
        long ticket = _host.Strays.BeginMaking();
        Result<IGuestThread> result = MakeStub(process);
        _host.Strays.EndMaking(ticket, mayHaveStray: false); // The zygote is ours.
        return result;
    }

    private Result<IGuestThread> MakeStub(ZygoteProcess process)
    {
        if (process.Clone(_maker.FirstCommands).Failed(out int pid, out Errno error))
            return error;
        if (HostProcess.OpenPidFd(pid).Failed(out int pidFdNumber, out error))
        {
            HostProcess.KillAndReap(pid);
            return error;
        }

        HostFd pidFd = new(pidFdNumber);
        Result<IGuestThread> result = _maker.Adopt(pid, pidFd);
        if (result.Error != Errno.Ok)
        {
            HostProcess.Signal(pidFdNumber, Signal.Kill);
            HostProcess.Wait(pidFdNumber);
            pidFd.Dispose();
        }

        return result;
    }
}
