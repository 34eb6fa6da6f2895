using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.Timers;

/// <summary>
/// The interval timers (setitimer(2)), POSIX timers (timer_create(2)) and the CPU limit of a process.
/// </summary>
internal sealed class ProcessTimers
{
    private readonly ThreadGroup _group;
    private readonly Dictionary<int, PosixTimer> _timers = []; // Guarded by Tree, as their signals are.
    private CpuLimitTimer? _cpuLimit;
    private int _nextId;

    private ProcessTimers(ThreadGroup group)
    {
        _group = group;
        Real = new IntervalTimer(group, Signal.Alarm, IntervalClock.Real);
        Virtual = new IntervalTimer(group, Signal.VirtualAlarm, IntervalClock.User);
        Profile = new IntervalTimer(group, Signal.Profile, IntervalClock.Cpu);
    }

    public IntervalTimer Real { get; }

    public IntervalTimer Virtual { get; }

    public IntervalTimer Profile { get; }

    /// <summary>The timers of a process, made at first use.</summary>
    public static ProcessTimers Of(ThreadGroup group)
    {
        if (Volatile.Read(ref group.Timers) is ProcessTimers timers)
            return timers;
        Interlocked.CompareExchange(ref group.Timers, new ProcessTimers(group), null);
        return (ProcessTimers)group.Timers!;
    }

    /// <summary>The process is gone: nothing may be due any more. Without locks.</summary>
    public static void Release(ThreadGroup group)
    {
        if (group.Timers is not ProcessTimers timers)
            return;
        timers.Real.Set(0, 0);
        timers.Virtual.Set(0, 0);
        timers.Profile.Set(0, 0);
        if (timers._cpuLimit is { } limit)
            group.Kernel.Timers.Cancel(limit);
        DeletePosixTimers(group);
    }

    /// <summary>execve(2) keeps interval timers and deletes POSIX timers. Without locks.</summary>
    public static void DeletePosixTimers(ThreadGroup group)
    {
        if (group.Timers is not ProcessTimers timers)
            return;
        using (group.Kernel.Tree.Enter())
        {
            foreach (PosixTimer timer in timers._timers.Values)
                timer.Delete();
            timers._timers.Clear();
        }
    }

    /// <summary>The POSIX timers of a process. With Tree held.</summary>
    public static IReadOnlyCollection<PosixTimer> PosixTimersOf(ThreadGroup group) =>
        group.Timers is ProcessTimers timers ? timers._timers.Values : [];

    /// <summary>
    /// A new, disarmed timer; its id is what the guest calls it by. EAGAIN: each counts as a queued signal of its user,
    /// as on Linux. With Tree held.
    /// </summary>
    public Result<int> Add(PosixTimer timer, Task maker)
    {
        SignalQuota quota = _group.Kernel.SignalQuotaOf(maker.Credentials.UserId);
        if ((ulong)quota.Queued >= _group.Limits[Resource.PendingSignals].Soft
            || !maker.Account.TryChargeObject(ObjectCost.Timer))
            return Errno.EAGAIN;
        quota.Queued++;
        timer.Charge = (quota, maker.Account);
        timer.Id = NextId;
        _timers.Add(timer.Id, timer);
        _nextId = (_nextId + 1) & int.MaxValue;
        return timer.Id;
    }

    /// <summary>The id the next timer gets. With Tree held.</summary>
    public int NextId
    {
        get
        {
            while (_timers.ContainsKey(_nextId))
                _nextId = (_nextId + 1) & int.MaxValue;
            return _nextId;
        }
    }

    /// <summary>With Tree held.</summary>
    public PosixTimer? Find(int id) => _timers.GetValueOrDefault(id);

    /// <summary>With Tree held. False if there is none.</summary>
    public bool Remove(int id)
    {
        if (!_timers.Remove(id, out PosixTimer? timer))
            return false;
        timer.Delete();
        return true;
    }

    /// <summary>A timer's signal leaves the queue: its overruns are told, and it goes on. With Tree held.</summary>
    public void OnSignalTaken(ref SignalInfo info) => Find(info.TimerId)?.OnSignalTaken(ref info);

    /// <summary>RLIMIT_CPU has changed. Without locks.</summary>
    public void ArmCpuLimit()
    {
        _cpuLimit ??= new CpuLimitTimer(_group);
        _group.Kernel.Timers.Arm(_cpuLimit, Deadline.Now);
    }
}
