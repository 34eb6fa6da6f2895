using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Kernel.Futex;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Kernel.Timers;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel;

/// <summary>
/// One virtual kernel: everything the containers of a sandbox share. Its parts come in through the constructor, so it
/// knows neither which platform runs it nor which system calls it has.
/// </summary>
internal sealed class Kernel
{
    private const int UsersBeforeLook = 1024;

    private readonly Dictionary<uint, SignalQuota> _signalQuotas = []; // Guarded by Tree.
    // Guarded by Tree: with so many, those without signals are forgotten.
    private int _usersBeforeLook = UsersBeforeLook;

    public Kernel(IPlatform platform, ISyscallTable syscalls, HostFacts host, IKernelLog log)
    {
        (Platform, Syscalls, Host, Log) = (platform, syscalls, host, log);
        RootPids = new PidNamespace(null, Security.UserNamespace.Root);
        BootTime = HostClock.Now(HostClock.Boottime);
        GuestWait.HoldsLocks = static () => RankedLock.IsAnyHeld;
    }

    public IPlatform Platform { get; }
    public ISyscallTable Syscalls { get; }
    public HostFacts Host { get; }
    public IKernelLog Log { get; }

    /// <summary>
    /// The process tree lock: pids, parents, children, groups, sessions, signals, wait and stop states of all tasks.
    /// One per sandbox (Linux's tasklist_lock and siglocks in one): everything under it is short,
    /// and no order among many is needed.
    /// </summary>
    public RankedLock Tree { get; } = new(LockRank.ProcessTree);

    /// <summary>The pid namespace of the sandbox; containers have their own below it.</summary>
    public PidNamespace RootPids { get; }

    /// <summary>CLOCK_BOOTTIME of the Sentry when the kernel was made, nanoseconds: uptime counts from here.</summary>
    public long BootTime { get; }

    /// <summary>Everything that is due at a time.</summary>
    public TimerQueue Timers { get; } = new();

    /// <summary>Files whose SIGIO is to be sent.</summary>
    public IoSignals IoSignals { get; } = new();

    /// <summary>Who sleeps on which futex.</summary>
    public FutexTable Futexes { get; } = new();

    /// <summary>How many signals are queued for a user (kernel uid). With Tree held.</summary>
    public SignalQuota SignalQuotaOf(uint userId)
    {
        if (_signalQuotas.TryGetValue(userId, out SignalQuota? quota))
            return quota;
        if (_signalQuotas.Count >= _usersBeforeLook)
        {
            foreach ((uint user, SignalQuota idle) in _signalQuotas)
            {
                if (idle.Queued == 0)
                    _signalQuotas.Remove(user);
            }

            _usersBeforeLook = Math.Max(UsersBeforeLook, _signalQuotas.Count * 2);
        }

        _signalQuotas.Add(userId, quota = new SignalQuota());
        return quota;
    }

    /// <summary>How many bytes of message queues each user has.</summary>
    public PosixQueues.QueueQuotas QueueQuotas { get; } = new();

    /// <summary>Threads alive in the sandbox. With Tree held.</summary>
    public int TaskCount { get; set; }

    /// <summary>
    /// Makes a filesystem for mount(2): who mounts, type, source, options. ENODEV for an unknown type. Set by the
    /// composition root, because filesystems stand above the kernel.
    /// </summary>
    public Func<Task, string, string, string, Result<Vfs.FileSystem>>? MakeFileSystem { get; set; }

    /// <summary>
    /// Makes a pidfd (pidfd_open(2)); set by the composition root, because descriptors stand above the kernel.
    /// </summary>
    public Func<ThreadGroup, Task, Vfs.OpenFile>? MakePidFd { get; set; }

    /// <summary>Told, without locks, that a container's first process has ended with a wait status.</summary>
    public Action<Container, int>? ContainerExited { get; set; }

    /// <summary>
    /// Told, without locks, that a process has ended with a wait status (exec sessions wait for theirs).
    /// </summary>
    public Action<ThreadGroup, int>? ProcessExited { get; set; }

    /// <summary>A guest cannot make more threads than this in the whole sandbox.</summary>
    public int MaxTasks { get; init; } = 32000;
}

/// <summary>The system call table as the kernel sees it; made by the composition root.</summary>
internal interface ISyscallTable
{
    /// <summary>Runs the handler of the number, or answers ENOSYS.</summary>
    SyscallResult Invoke(Task task, in SyscallArguments arguments);

    /// <summary>It has to see calls that could be answered without it, too.</summary>
    bool WantsEveryCall => false;

    /// <summary>The name of a number, or "syscall_N".</summary>
    string NameOf(int number);

    /// <summary>The kernel function that the call would sleep in on Linux, or "0" for one that does not wait.</summary>
    string WaitChannelOf(int number);

    /// <summary>
    /// The call has done nothing when it has to wait, so that it can be made again instead of keeping a thread.
    /// </summary>
    bool MayWaitWithoutThread(int number);
}

/// <summary>Where the kernel writes what its operator should know; never shown to a guest.</summary>
internal interface IKernelLog
{
    bool IsDebug { get; }

    void Debug(string message);

    /// <summary>A container's or a process's life, in a line.</summary>
    void Info(string message) => Debug(message);

    void Warning(string message);

    /// <summary>Something that must not happen: a bug of ours, with what is known about it.</summary>
    void InternalError(string message, Exception? exception);
}

/// <summary>What of the host shows through, read before the Sentry locks itself in.</summary>
internal sealed record HostFacts
{
    public int CpuCount { get; init; } = Environment.ProcessorCount;

    /// <summary>Bytes of memory the host has; a container may have a lower limit.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>The text of the host's /proc/cpuinfo.</summary>
    public byte[] CpuInfo { get; init; } = [];

    /// <summary>AT_HWCAP of the host.</summary>
    public ulong HardwareCapabilities { get; init; }

    /// <summary>AT_HWCAP2 of the host.</summary>
    public ulong HardwareCapabilities2 { get; init; }

    /// <summary>AT_MINSIGSTKSZ of the host: the smallest signal stack its frames fit on.</summary>
    public ulong MinimumSignalStackBytes { get; init; } = 2048;
}
