namespace Sandbox.Platform.Shortcuts.Leases;

/// <summary>How many guest threads may have file leases at a time: their rooms are the Sentry's memory.</summary>
internal sealed class LeaseBudget
{
    private const int MaxThreads = 512;
    private int _threads;

    /// <summary>Counts one more thread. False if as many as there may be have leases.</summary>
    public bool TryTake()
    {
        if (Interlocked.Increment(ref _threads) <= MaxThreads)
            return true;
        Return();
        return false;
    }

    public void Return() => Interlocked.Decrement(ref _threads);
}
