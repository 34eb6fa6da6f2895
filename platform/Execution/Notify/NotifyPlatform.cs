using Sandbox.Linux;
using Sandbox.Platform.Filters;
using Sandbox.Platform.Shortcuts;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Notify;

/// <summary>What the user-notification platform needs to know.</summary>
public sealed class NotifyPlatformOptions : StubOptions
{
    /// <summary>Private anonymous memory calls run natively. False: they are notified like any other call.</summary>
    public bool DirectMemory { get; init; } = true;

    /// <summary>
    /// What shortens frequent calls, where the processor lets guests read their gs base; null: nothing.
    /// </summary>
    public ShortcutProvider? Shortcuts { get; init; }
}

/// <summary>
/// The default platform: system calls of guest threads arrive as seccomp user notifications (docs/architecture.md,
/// 4.2). Construct it before the Sentry's own filter is set: it makes a process.
/// </summary>
public sealed class NotifyPlatform : IPlatform
{
    private readonly int[] _nativeCalls;
    private readonly string? _whyNoShortcuts;

    /// <summary>Throws <see cref="PlatformNotSupportedException"/> naming what the host lacks.</summary>
    public NotifyPlatform(NotifyPlatformOptions options)
    {
        _nativeCalls = GuestFilter.NativeCalls(options.DirectMemory);
        if (HostSeccompListener.FindObstacle() is { } obstacle)
            throw new PlatformNotSupportedException($"{obstacle}, which the notify platform needs");
        Stubs = new StubHost(options, new NotifyStubs(this, GuestFilter.Build(options.DirectMemory)));
        Watchdog = new Watchdog(Stubs.Strays);
        Stubs.RunExit = Receivers.TryRun;
        _whyNoShortcuts = options.Shortcuts is null ? "it is switched off" : null;
        Shortcuts = options.Shortcuts;
        if (HostSeccomp.IsFiltered)
            Probe();
        Stubs.Start();
    }

    public string Name => "notify";

    public string Description => _whyNoShortcuts is null
        ? "platform notify; frequent calls are shortened (the fast path)"
        : $"platform notify; no call is shortened (the fast path): {_whyNoShortcuts}";

    public bool TracesGuests => false;

    public ReadOnlySpan<int> NativeCalls => _nativeCalls;

    /// <summary>Receivers that wait learn that every user of their filter is gone (Linux 6.11).</summary>
    internal bool EndWakesReceivers { get; set; } = HostKernel.IsAtLeast(6, 11);

    internal ThreadTable Threads { get; } = new();

    /// <summary>What shortens calls here; null: nothing.</summary>
    internal ShortcutProvider? Shortcuts { get; }

    internal ReceiverPool Receivers { get; } = new();

    /// <summary>Looks whether threads come that were called.</summary>
    internal Watchdog Watchdog { get; }

    internal StubHost Stubs { get; }

    /// <summary>The extended state of a thread that has not touched it, as in a signal frame.</summary>
    internal byte[] InitialExtendedState { get; set; } = [];

    /// <summary>Stubs that live, host threads that receive: for tests and statistics.</summary>
    internal (int Stubs, int Receivers) Counts => (Stubs.Count, Receivers.Count);

    public Result<IGuestThread> CreateAddressSpace(HostCgroup? cgroup = null) => Stubs.Take(cgroup);

    public void Press(HostCgroup cgroup) => Stubs.Press(cgroup);

    /// <summary>Ends the zygote and every stub.</summary>
    public void Dispose()
    {
        Stubs.Dispose();
        Watchdog.Dispose();
    }

    /// <summary>
    /// Makes a first stub: under a filter of somebody else's there may be a listener already, and the host allows one,
    /// or it may forbid to make filters.
    /// </summary>
    private void Probe()
    {
        if (Stubs.Take(null).Failed(out IGuestThread? thread, out Errno error))
        {
            Dispose();
            throw new PlatformNotSupportedException(
                $"a stub cannot have a seccomp listener ({error}): "
                + "this process runs under a filter that forbids it, or has one");
        }

        thread.AddressSpace.Kill();
    }

    /// <summary>Enters a thread into every table. Its stub may be dead already; then the thread is told.</summary>
    internal void Register(GuestThread thread)
    {
        Threads.Add(thread.HostThreadId, thread);
        thread.Listener.AddThread();
        Stubs.Register(thread);
    }
}
