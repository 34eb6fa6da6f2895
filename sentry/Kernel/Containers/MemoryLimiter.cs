using System.Diagnostics.CodeAnalysis;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Memory;

namespace Sandbox.Sentry.Kernel.Containers;

/// <summary>
/// Keeps a container within its memory limit where the host alone does not. What guests map the host counts in the
/// container's cgroup and limits there; files in memory, buffers and kernel objects are the Sentry's, so the host's
/// limit is lowered by their bytes: then its own OOM killer acts, and whoever watches the cgroup sees it. Without a
/// cgroup the use is sampled, and the Sentry kills.
/// </summary>
[SuppressMessage(
    "Design", "CA1001", Justification = "It lives as long as its container, and nobody else sees its event.")]
internal sealed class MemoryLimiter
{
    private const int SampleMilliseconds = 100, RoundsMax = 16, StackBytes = 128 << 10;
    private const long PageBytes = PageSize.Bytes;

    private readonly Kernel _kernel;
    private readonly Container _container;
    private readonly object _lock = new();

    // Guarded by _lock.
    private bool _isStarted;
    private bool _isChanged;

    private MemoryLimiter(Kernel kernel, Container container) => (_kernel, _container) = (kernel, container);

    private bool IsCharged => _container.Cgroup is { HasMemory: true };

    /// <summary>
    /// Begins to watch a new container. Costs nothing before it has files in memory, or a limit that nobody else keeps.
    /// </summary>
    public static void Watch(Kernel kernel, Container container)
    {
        MemoryLimiter limiter = new(kernel, container);
        container.Memory.Changed = limiter.OnChanged;
        if (container.Limits.Memory != ContainerLimits.Unlimited && !limiter.IsCharged)
            limiter.OnChanged();
    }

    /// <summary>How many processes of the container died for want of memory, whoever killed them.</summary>
    public static long OutOfMemoryKills(Container container) =>
        container.OutOfMemoryKills + (container.Cgroup?.ReadNumber(HostCgroupFile.MemoryEvents, "oom_kill"u8) ?? 0);

    private void OnChanged()
    {
        lock (_lock)
        {
            _isChanged = true;
            Monitor.Pulse(_lock);
            if (_isStarted || _container.HasEnded || _container.Limits.Memory == ContainerLimits.Unlimited)
                return;
            _isStarted = true;
        }

        if (HostThread.TryStart("memory", StackBytes, Run))
            return;
        lock (_lock)
            _isStarted = false; // The next change tries again.
    }

    private void Run()
    {
        while (!_container.HasEnded)
        {
            bool samples = !IsCharged && _container.Limits.Memory != ContainerLimits.Unlimited;
            AwaitChange(samples ? SampleMilliseconds : Timeout.Infinite);
            if (IsCharged)
                LowerHostLimit(_container.Cgroup!);
            else if (samples)
                KillOver();
        }
    }

    private void AwaitChange(int milliseconds)
    {
        lock (_lock)
        {
            if (!_isChanged)
                Monitor.Wait(_lock, milliseconds);
            _isChanged = false;
        }
    }

    /// <summary>
    /// What the Sentry holds guests may not have. Version 1 refuses a limit below the use: then the limit becomes the
    /// use, and a stub of ours asks for a little more, which sets the OOM killer off.
    /// </summary>
    private void LowerHostLimit(HostCgroup cgroup)
    {
        for (int round = 0; round < RoundsMax; round++)
        {
            long limit = _container.Limits.Memory, held = _container.Memory.Bytes;
            if (limit == ContainerLimits.Unlimited)
                return;
            long rest = Math.Max(PageBytes, limit - held) / PageBytes * PageBytes;
            if (cgroup.Write(HostCgroupFile.MemoryLimit, rest) != Errno.EBUSY)
                return;
            long used = cgroup.MemoryUsage;
            if (cgroup.Write(HostCgroupFile.MemoryLimit, (used + PageBytes - 1) / PageBytes * PageBytes) == Errno.EBUSY)
                continue; // It has grown meanwhile.
            if (round == 0 && CollectedCharge.Reclaim())
                continue; // What was unmounted may be given back by now.
            _kernel.Log.Warning($"container {_container.Id}: files, buffers and kernel objects ({held} bytes) leave too little of its {limit} bytes");
            _kernel.Platform.Press(cgroup);
        }
    }

    private void KillOver()
    {
        ContainerMemory memory = ContainerMemory.Measure(_kernel, _container);
        long limit = _container.Limits.Memory;
        if (memory.Anonymous + memory.Files + memory.Kernel <= limit || FindVictim(limit) is not { } victim)
            return;
        _kernel.Log.Warning($"container {_container.Id}: out of memory, process {victim.Id.RootNumber} is killed");
        _container.CountOutOfMemoryKill();
        using (_kernel.Tree.Enter())
            SignalSender.SendToGroup(victim, SignalInfo.FromKernel(Signal.Kill));
    }

    /// <summary>
    /// Who has the most, with oom_score_adj (a thousandth of the limit each) on top; who has -1000 is spared.
    /// </summary>
    private ThreadGroup? FindVictim(long limit)
    {
        const int spared = -1000;
        List<ThreadGroup> groups = [];
        using (_kernel.Tree.Enter())
        {
            foreach (KeyValuePair<int, Pid> entry in _kernel.RootPids.Pids)
            {
                if (entry.Value.ThreadGroup is { IsZombie: false, IsExiting: false } group
                    && group.Leader.Namespaces.Container == _container && group.OomScoreAdjustment != spared)
                {
                    groups.Add(group);
                }
            }
        }

        ThreadGroup? victim = null;
        long most = long.MinValue;
        foreach (ThreadGroup group in groups)
        {
            long score = (ContainerMemory.ResidentPages(group.Leader.GuestMemory.Space).Resident * PageBytes)
                + (limit / 1000 * group.OomScoreAdjustment);
            if (score > most)
                (victim, most) = (group, score);
        }

        return victim;
    }
}
