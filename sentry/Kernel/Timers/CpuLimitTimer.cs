using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.Timers;

/// <summary>RLIMIT_CPU (getrlimit(2)): SIGXCPU once a second beyond the soft limit, SIGKILL at the hard one.</summary>
internal sealed class CpuLimitTimer(ThreadGroup group) : TimerEntry
{
    private const long Second = 1_000_000_000;
    private ulong _warnedAt;

    protected internal override void OnDue()
    {
        Limit limit = group.Limits[Resource.Cpu];
        if (limit.Soft == Limit.Infinity || group.IsZombie)
            return;
        long usedNanoseconds = CpuTime.OfGroup(group).Total;
        ulong used = (ulong)(usedNanoseconds / Second);
        using (group.Kernel.Tree.Enter())
        {
            if (used >= limit.Hard)
            {
                SignalSender.SendToGroup(group, SignalInfo.FromKernel(Signal.Kill));
                return;
            }

            if (used >= limit.Soft && used != _warnedAt)
            {
                _warnedAt = used;
                SignalSender.SendToGroup(group, SignalInfo.FromKernel(Signal.CpuLimit));
            }
        }

        // Nobody uses more CPU time than there are processors: it cannot be due before that.
        long next = (long)Math.Min(used >= limit.Soft ? used + 1 : limit.Soft, long.MaxValue / Second) * Second;
        long wait = Math.Max((next - usedNanoseconds) / Math.Max(1, group.Kernel.Host.CpuCount), Second / 100);
        group.Kernel.Timers.Arm(this, Deadline.After(wait));
    }
}
