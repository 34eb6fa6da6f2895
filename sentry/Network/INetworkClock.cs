namespace Sandbox.Sentry.Network;

/// <summary>Time and timers as protocols see them; a test turns the clock by hand.</summary>
internal interface INetworkClock
{
    /// <summary>CLOCK_MONOTONIC, nanoseconds.</summary>
    long Now { get; }

    NetworkTimer CreateTimer(INetworkTimed owner);
}

/// <summary>Told that its timer is due. Without locks held; may come late or once too often.</summary>
internal interface INetworkTimed
{
    void OnTimer();
}

/// <summary>One timer. May be armed from any thread, with locks held.</summary>
internal abstract class NetworkTimer
{
    public const long Never = long.MaxValue;

    /// <summary>Calls the owner at that time, once; <see cref="Never"/> disarms it.</summary>
    public abstract void Arm(long due);
}
