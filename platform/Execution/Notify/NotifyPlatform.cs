using Sandbox.Linux;
using Sandbox.Platform.Filters;
using Sandbox.Platform.Shortcuts.Leases;
using Sandbox.Platform.Shortcuts.Polling;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Notify;

/// <summary>What the user-notification platform needs to know.</summary>
public sealed class NotifyPlatformOptions
{
    /// <summary>A directory descriptor of a procfs of the caller's own pid namespace; -1 opens /proc.</summary>
    public int ProcDirectory { get; init; } = -1;

    /// <summary>Private anonymous memory calls run natively. False: they are notified like any other call.</summary>
    public bool DirectMemory { get; init; } = true;

    /// <summary>Frequent calls take the fast path (architecture §4.6), where there is more than one processor.</summary>
    public bool FastPath { get; init; }

    /// <summary>Stubs kept ready for the next image.</summary>
    public int ReadyStubs { get; init; } = 2;

    /// <summary>Where the zygote and the stubs kept ready are charged; null: where the caller is.</summary>
    public HostCgroup? Cgroup { get; init; }

    /// <summary>Gets lines about violations and internal errors. Called from any thread.</summary>
    public Action<string>? Log { get; init; }
}

/// <summary>
/// The default platform: system calls of guest threads arrive as seccomp user notifications (architecture §4.2).
/// Construct it before the Sentry's own filter is set: it makes a process.
/// </summary>
public sealed class NotifyPlatform : IPlatform
{
    private readonly NotifyPlatformOptions _options;
    private readonly ExitWatcher _watcher;
    private readonly HostFd _proc;
    private readonly int[] _nativeCalls;

    /// <summary>Throws <see cref="PlatformNotSupportedException"/> naming what the host lacks.</summary>
    public NotifyPlatform(NotifyPlatformOptions options)
    {
        _options = options;
        _nativeCalls = GuestFilter.NativeCalls(options.DirectMemory);
        if (HostSeccompListener.FindMissingFeature() is string missing)
            throw new PlatformNotSupportedException($"the kernel lacks {missing}, which the notify platform needs");
        _proc = new HostFd(OpenProc(options.ProcDirectory));
        int procDirectory = options.ProcDirectory >= 0 ? options.ProcDirectory : _proc.Number;
        Proc = new ProcFiles(procDirectory);
        _watcher = new ExitWatcher(this);
        Zygote = new Zygote(this, GuestFilter.Build(options.DirectMemory), options.ReadyStubs, options.Cgroup);
        HasFastPath = options.FastPath && Zygote.HasFsGsBase;
        if (HasFastPath && HostProcessors.Count > 1)
            Pollers = new FastPollers();
    }

    public string Name => "notify";

    public ReadOnlySpan<int> NativeCalls => _nativeCalls;

    /// <summary>Receivers that wait learn that every user of their filter is gone (Linux 6.11).</summary>
    internal bool EndWakesReceivers { get; set; } = HostKernel.IsAtLeast(6, 11);

    internal ThreadTable Threads { get; } = new();

    /// <summary>Frequent calls are rewritten.</summary>
    internal bool HasFastPath { get; }

    /// <summary>Who looks at the pages of the fast path; null where nobody does.</summary>
    internal FastPollers? Pollers { get; }

    internal ReceiverPool Receivers { get; } = new();

    internal LeaseBudget Leases { get; } = new();

    internal ProcFiles Proc { get; }

    internal Zygote Zygote { get; }

    internal Lock ExchangeLock { get; } = new();

    /// <summary>The extended state of a thread that has not touched it, as in a signal frame.</summary>
    internal byte[] InitialExtendedState { get; set; } = [];

    /// <summary>Stubs that live, host threads that receive: for tests and statistics.</summary>
    internal (int Stubs, int Receivers) Counts => (_watcher.Count, Receivers.Count);

    public Result<IGuestThread> CreateAddressSpace(HostCgroup? cgroup = null)
    {
        if (Zygote.Take().Failed(out IGuestThread? thread, out Errno error))
            return error;
        if (cgroup is not null && cgroup != _options.Cgroup
            && cgroup.Enter(thread.AddressSpace.HostProcessId) is not Errno.Ok and Errno unmoved)
            Log($"a stub cannot be charged to its container: {unmoved}");
        return Result<IGuestThread>.Of(thread);
    }

    public void Press(HostCgroup cgroup)
    {
        const long bytes = 2 << 20, privateAnonymous = 0x22, populate = 0x8000, readWrite = 3;
        if (CreateAddressSpace(cgroup).Failed(out IGuestThread? thread, out _))
            return;
        HostCommand map = new(Sys.mmap, 0, bytes, readWrite, privateAnonymous | populate, -1);
        thread.Execute(new Span<HostCommand>(ref map), stopAtError: true);
        thread.AddressSpace.Kill();
    }

    /// <summary>Ends the zygote and every stub.</summary>
    public void Dispose()
    {
        Zygote.Dispose();
        _watcher.KillAll();
        while (_watcher.Count > 0)
            Thread.Sleep(1);
        _watcher.Dispose();
        _proc.Dispose();
    }

    internal void Log(string line) => _options.Log?.Invoke(line);

    /// <summary>Enters a thread into every table. Its stub may be dead already; then the thread is told.</summary>
    internal void Register(GuestThread thread)
    {
        Threads.Add(thread.HostThreadId, thread);
        thread.Listener.AddThread();
        if (!thread.Space.TryAdd(thread))
            thread.OnProcessEnd(0);
        else if (thread.HostThreadId == thread.Space.HostProcessId)
            _watcher.Register(thread.Space);
    }

    private static int OpenProc(int given)
    {
        if (given >= 0)
            return -1;
        OpenFlags flags = OpenFlags.ReadOnly | OpenFlags.Directory | OpenFlags.CloseOnExec;
        return HostFile.OpenAt(-100, "/proc"u8, flags).Failed(out int fd, out Errno error)
            ? throw new PlatformNotSupportedException($"cannot open /proc: {error}")
            : fd;
    }
}
