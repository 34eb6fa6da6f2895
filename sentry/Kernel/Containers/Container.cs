using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Kernel.Containers;

/// <summary>One container of the sandbox (a pod has several).</summary>
internal sealed class Container(string id)
{
    /// <summary>
    /// Version 1's cgroup controllers, each with a hierarchy of its own; proc_pid_cgroup(5) numbers them from 1.
    /// </summary>
    public static readonly string[] LegacyControllers =
        ["cpuset", "cpu", "cpuacct", "blkio", "memory", "devices", "freezer", "pids"];

    private ContainerLimits _limits = ContainerLimits.None;
    private long _outOfMemoryKills;
    private bool _hasEnded;
    private FsContext? _fs;

    public string Id { get; } = id;

    /// <summary>Its first process. Set before it starts. Guarded by Tree.</summary>
    public ThreadGroup? Init { get; set; }

    /// <summary>Its first process has ended, so that all do.</summary>
    public bool HasEnded
    {
        get => Volatile.Read(ref _hasEnded);
        set => Volatile.Write(ref _hasEnded, value);
    }

    /// <summary>Threads alive in it. Guarded by Tree.</summary>
    public int TaskCount { get; set; }

    /// <summary>What it may use; replaced as a whole by update, read by anyone.</summary>
    public ContainerLimits Limits
    {
        get => Volatile.Read(ref _limits);
        set
        {
            Volatile.Write(ref _limits, value);
            Memory.SetLimit(value.Memory);
        }
    }

    /// <summary>Where the host counts what its guests use; null if it has no cgroup there.</summary>
    public HostCgroup? Cgroup { get; init; }

    /// <summary>What its programs see as the root of cgroups.</summary>
    /// <summary>The filesystem that shows these; made at first use by the filesystems.</summary>
    public object? CgroupFiles;

    public GuestCgroup Cgroups { get; } = new(null, new FileName("/"u8), 0, 0);

    /// <summary>What the Sentry holds for it: files in memory, buffers, kernel objects.</summary>
    public MemoryAccount Memory { get; } = new();

    /// <summary>How many of its processes died for want of memory.</summary>
    public long OutOfMemoryKills => Interlocked.Read(ref _outOfMemoryKills);

    /// <summary>It sees the hierarchies of cgroups version 1, not version 2's.</summary>
    public bool ShowsLegacyCgroups { get; set; }

    /// <summary>None of its tasks runs guest code (<see cref="ContainerPause"/>). Guarded by Tree.</summary>
    public bool IsPaused { get; set; }

    /// <summary>linux.sysctl of the configuration: values by path below /proc/sys. Never changed.</summary>
    public IReadOnlyDictionary<string, string>? Sysctls { get; init; }

    /// <summary>
    /// Its root, working directory and mounts, which exec'd processes start from. Null before they are made, and after
    /// its end.
    /// </summary>
    public FsContext? Fs
    {
        get => Volatile.Read(ref _fs);
        set => Volatile.Write(ref _fs, value);
    }

    /// <summary>The namespaces exec'd processes join.</summary>
    public NamespaceSet? Namespaces { get; set; }

    /// <summary>Nothing is exec'd into it any more; its mounts go with its last process. Without locks.</summary>
    public void LeaveMounts() => Interlocked.Exchange(ref _fs, null)?.Release();

    /// <summary>Counts a process that died for want of memory.</summary>
    public void CountOutOfMemoryKill() => Interlocked.Increment(ref _outOfMemoryKills);
}

/// <summary>What a container may use (linux.resources of config.json). Immutable.</summary>
internal sealed record ContainerLimits
{
    public const long Unlimited = long.MaxValue;
    private const long DefaultPeriod = 100_000;

    public static ContainerLimits None { get; } = new();

    /// <summary>The most threads it may have (pids.limit); clone(2) gives EAGAIN beyond.</summary>
    public long Tasks { get; init; } = Unlimited;

    /// <summary>Bytes of memory, those of its files in memory included.</summary>
    public long Memory { get; init; } = Unlimited;

    /// <summary>Bytes of memory and swap together.</summary>
    public long MemoryAndSwap { get; init; } = Unlimited;

    /// <summary>Microseconds of CPU time it may use in a period, by all CPUs together.</summary>
    public long CpuQuota { get; init; } = Unlimited;

    /// <summary>Microseconds.</summary>
    public long CpuPeriod { get; init; } = DefaultPeriod;

    /// <summary>Version 1's weight, 1024 by default.</summary>
    public long CpuShares { get; init; } = 1024;

    /// <summary>The CPUs it may run on, ascending; empty for all.</summary>
    public int[] Processors { get; init; } = [];
}
