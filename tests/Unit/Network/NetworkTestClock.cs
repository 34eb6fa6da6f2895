using Sandbox.Sentry.Network;

namespace Sandbox.UnitTests.Network;

/// <summary>A clock that a test turns by hand.</summary>
internal sealed class NetworkTestClock : INetworkClock
{
    public const long Millisecond = 1_000_000, Second = 1000 * Millisecond;

    private readonly List<Entry> _timers = [];

    public long Now { get; private set; } = 1000 * Second;

    public NetworkTimer CreateTimer(INetworkTimed owner)
    {
        Entry timer = new(owner);
        _timers.Add(timer);
        return timer;
    }

    /// <summary>Turns the clock on, timer by timer.</summary>
    public void Advance(long nanoseconds)
    {
        long end = Now + nanoseconds;
        while (true)
        {
            Entry? next = null;
            foreach (Entry timer in _timers)
            {
                if (timer.Due <= end && (next is null || timer.Due < next.Due))
                    next = timer;
            }

            if (next is null)
                break;
            Now = Math.Max(Now, next.Due);
            next.Due = NetworkTimer.Never;
            next.Owner.OnTimer();
        }

        Now = end;
    }

    private sealed class Entry(INetworkTimed owner) : NetworkTimer
    {
        public INetworkTimed Owner => owner;

        public long Due { get; set; } = Never;

        public override void Arm(long due) => Due = due;
    }
}
