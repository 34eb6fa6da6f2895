using System.Runtime.InteropServices;
using Sandbox.Linux;

namespace Sandbox.Platform.Stubs;

/// <summary>
/// One host thread that learns of the deaths of stubs by their pidfds, reaps them and tells their address spaces.
/// SIGCHLD keeps its default: a stub's id stays taken until it is reaped here.
/// </summary>
internal sealed class ExitWatcher : IDisposable
{
    private const int BatchEvents = 16, Add = 1, StackBytes = 256 << 10;

    private readonly int _epoll;
    private readonly int _stop;
    private readonly Thread _thread;
    private readonly Lock _lock = new();
    private readonly Dictionary<int, AddressSpace> _spaces = [];

    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    private struct EpollEvent
    {
        public uint Events;
        public long Data;
    }

    public ExitWatcher()
    {
        const int closeOnExec = 0x80000;
        _epoll = (int)HostSyscall.Call(Sys.epoll_create1, closeOnExec);
        _stop = (int)HostSyscall.Call(Sys.eventfd2, 0, closeOnExec);
        Watch(_stop, 0);
        // At start: nothing runs yet.
        _thread = new Thread(Run, StackBytes) { IsBackground = true, Name = "exit watcher" };
        _thread.Start();
    }

    /// <summary>Runs the end of a stub's tasks on another thread; false if there is none.</summary>
    public Func<Action, bool> RunElsewhere { get; set; } = static _ => false;

    public int Count
    {
        get
        {
            lock (_lock)
                return _spaces.Count;
        }
    }

    /// <summary>True of a stub that was registered and is not reaped yet.</summary>
    public bool Has(int process)
    {
        lock (_lock)
            return _spaces.ContainsKey(process);
    }

    /// <summary>From now on the space's end is noticed; its pidfd belongs to the watcher.</summary>
    public void Register(AddressSpace space)
    {
        lock (_lock)
            _spaces[space.HostProcessId] = space;
        Watch(space.PidFd.Number, space.HostProcessId);
    }

    /// <summary>Kills every stub.</summary>
    public void KillAll()
    {
        lock (_lock)
        {
            foreach (AddressSpace space in _spaces.Values)
                space.Kill();
        }
    }

    public void Dispose()
    {
        HostFile.Write(_stop, BitConverter.GetBytes(1L));
        _thread.Join();
        HostFile.Close(_stop);
        HostFile.Close(_epoll);
    }

    private unsafe void Watch(int fd, long data)
    {
        EpollEvent entry = new() { Events = (uint)PollEvents.In, Data = data };
        if (HostSyscall.Call(Sys.epoll_ctl, _epoll, Add, fd, (long)&entry) != 0)
            throw new InvalidOperationException("cannot watch a process");
    }

    private unsafe void Run()
    {
        EpollEvent* events = stackalloc EpollEvent[BatchEvents];
        while (true)
        {
            long count = HostSyscall.CallRetrying(Sys.epoll_wait, _epoll, (long)events, BatchEvents, -1);
            for (int i = 0; i < count; i++)
            {
                if (events[i].Data == 0)
                    return;
                OnExit((int)events[i].Data);
            }
        }
    }

    private void OnExit(int pid)
    {
        AddressSpace? space;
        lock (_lock)
        {
            if (!_spaces.TryGetValue(pid, out space))
                return;
        }

        int signal = HostProcess.AwaitEnd(space.PidFd.Number, out ResourceUsage usage).Failed(out ProcessEnd end, out _)
            ? 0
            : end.Signal;
        space.MarkDead(usage);
        // Known until its id is free, and no longer: the next to have it may be registered at once.
        lock (_lock)
        {
            HostProcess.Wait(space.PidFd.Number);
            _spaces.Remove(pid);
        }

        space.PidFd.Dispose();
        // What the kernel does at the end of a task (closing files) may take its time: not here,
        // where all others' ends are waited for.
        if (!RunElsewhere(() => space.OnProcessEnd(signal)))
            HostThread.Guard("exit watcher", () => space.OnProcessEnd(signal));
    }
}
