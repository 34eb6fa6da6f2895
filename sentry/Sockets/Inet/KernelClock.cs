using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Timers;
using Sandbox.Sentry.Network;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Sockets.Inet;

/// <summary>The network's time is the sandbox's, and its timers stand in the sandbox's one queue.</summary>
internal sealed class KernelClock(TimerQueue queue) : INetworkClock
{
    public long Now => HostClock.Now(HostClock.Monotonic);

    public NetworkTimer CreateTimer(INetworkTimed owner) => new Timer(queue, owner);

    private sealed class Timer(TimerQueue queue, INetworkTimed owner) : NetworkTimer
    {
        private readonly Entry _entry = new(owner);

        public override void Arm(long due)
        {
            if (due == Never)
                queue.Cancel(_entry);
            else
                queue.Arm(_entry, new Deadline(due));
        }
    }

    private sealed class Entry(INetworkTimed owner) : TimerEntry
    {
        protected internal override void OnDue() => owner.OnTimer();
    }
}
