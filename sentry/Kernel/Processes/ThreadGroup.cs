using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.Processes;

/// <summary>
/// A process: the threads that share pid, signals, limits and fate (Linux's thread group and signal_struct). Guarded
/// by Tree.
/// </summary>
internal sealed class ThreadGroup(
    Kernel kernel, Pid id, ProcessGroup processGroup, SignalHandlers handlers, ResourceLimits limits)
{
    private readonly List<IExitAction> _exitActions = []; // Locked by itself.

    public Kernel Kernel { get; } = kernel;

    /// <summary>The process id.</summary>
    public Pid Id { get; } = id;

    /// <summary>The thread whose id is the process id, alive or a zombie.</summary>
    public Task Leader { get; set; } = null!;

    /// <summary>The cgroup that its container's programs put it in; null for the container's own.</summary>
    public Containers.GuestCgroup? Cgroup { get; set; }

    /// <summary>Live threads.</summary>
    public List<Task> Tasks { get; } = [];

    public ThreadGroup? Parent { get; set; }

    public List<ThreadGroup> Children { get; } = [];

    public ProcessGroup ProcessGroup { get; set; } = processGroup;

    public Session Session => ProcessGroup.Session;

    /// <summary>Shared with CLONE_SIGHAND.</summary>
    public SignalHandlers Handlers { get; set; } = handlers;

    /// <summary>Signals sent to the process.</summary>
    public PendingSignals Pending { get; } = new();

    /// <summary>Shared by all threads; replaced per resource with Tree held.</summary>
    public ResourceLimits Limits { get; set; } = limits;

    /// <summary>Signal for the parent at exit (clone(2), CSIGNAL); 0 for none.</summary>
    public Signal ExitSignal { get; set; } = Signal.Child;

    /// <summary>Where parents wait (wait4): notified when a child changes state.</summary>
    public WaitQueue ChildWaiters { get; } = new();

    /// <summary>Where pidfds wait: notified when this process is a zombie.</summary>
    public WaitQueue ExitWaiters { get; } = new();

    /// <summary>exit_group or a fatal signal: every thread is on its way out with <see cref="ExitStatus"/>.</summary>
    public bool IsExiting { get; set; }

    /// <summary>All threads are gone; the parent has not waited yet.</summary>
    public bool IsZombie { get; set; }

    /// <summary>The zombie was reaped: nothing refers to it but open pidfds.</summary>
    public bool IsReaped { get; set; }

    /// <summary>Wait status (wait(2)): code &lt;&lt; 8, or the signal, with 0x80 for a core dump.</summary>
    public int ExitStatus { get; set; }

    /// <summary>Stopped by this signal (job control), or None.</summary>
    public Signal StopSignal { get; set; }

    /// <summary>A stop, or a continue, that wait4 has not reported yet.</summary>
    public bool HasUnreportedStop { get; set; }

    public bool HasUnreportedContinue { get; set; }

    /// <summary>A thread is in execve and all others must go.</summary>
    public Task? ExecutingTask { get; set; }

    /// <summary>Has called execve since fork (setpgid(2) EACCES).</summary>
    public bool HasExecuted => Executions > 0;

    /// <summary>How often it has called execve since fork.</summary>
    public int Executions { get; set; }

    /// <summary>prctl(PR_SET_CHILD_SUBREAPER).</summary>
    public bool IsChildSubreaper { get; set; }

    /// <summary>CPU time of threads that have ended, nanoseconds.</summary>
    public long ExitedUserTime { get; set; }
    public long ExitedSystemTime { get; set; }

    /// <summary>CPU time of reaped children (times(2)), nanoseconds.</summary>
    public long ChildrenUserTime { get; set; }
    public long ChildrenSystemTime { get; set; }

    /// <summary>Largest resident set it had when its memory went, KiB.</summary>
    public long PeakResident { get; set; }

    /// <summary>The largest of its reaped children's (getrusage(2)), KiB.</summary>
    public long ChildrenPeakResident { get; set; }

    /// <summary>What its threads trace (ptrace(2)).</summary>
    public List<Task> Tracees { get; } = [];

    /// <summary>
    /// How many traced threads but the leader have ended without their tracer's having waited for them.
    /// </summary>
    public int UnwaitedThreads { get; set; }

    /// <summary>All of it has ended, and no traced thread is left to wait for: the process may be waited for.</summary>
    public bool IsWaitable => IsZombie && UnwaitedThreads == 0;

    /// <summary>oom_score_adj.</summary>
    public int OomScoreAdjustment { get; set; }

    /// <summary>The lowest <see cref="OomScoreAdjustment"/> that may be set without CAP_SYS_RESOURCE.</summary>
    public int OomScoreAdjustmentMin { get; set; }

    /// <summary>Interval and POSIX timers, made at first use by the timer calls.</summary>
    public object? Timers;

    /// <summary>Remembers somebody to tell when the process ends.</summary>
    public void AddExitAction(IExitAction action)
    {
        lock (_exitActions)
            _exitActions.Add(action);
    }

    /// <summary>Tells those who wanted to hear of the process's end. Without locks.</summary>
    public void RunExitActions()
    {
        foreach (IExitAction action in _exitActions)
            action.OnExit(this);
        _exitActions.Clear();
    }

    /// <summary>CLOCK_BOOTTIME at start, nanoseconds (starttime of /proc/PID/stat).</summary>
    public long StartTime { get; } = HostClock.Now(HostClock.Boottime);

    /// <summary>PID 1 of its namespace.</summary>
    public bool IsNamespaceInit => Id.Namespace.Init == this;

    /// <summary>CPU time of all its threads, ended and alive, nanoseconds.</summary>
    public (long User, long System) TotalTime() => (ExitedUserTime, ExitedSystemTime);

    /// <summary>A fault of its own code that it does not handle: not even PID 1 survives that.</summary>
    public bool HasForcedFault { get; set; }

    /// <summary>Signals without a handler do nothing to it, as it is PID 1 (pid_namespaces(7)).</summary>
    public bool IsProtected => IsNamespaceInit && !HasForcedFault;
}
