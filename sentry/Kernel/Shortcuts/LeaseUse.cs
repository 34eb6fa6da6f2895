namespace Sandbox.Sentry.Kernel.Shortcuts;

/// <summary>
/// Tells whether it pays to read files ahead for a task when it opens them: leases that end unused give away a program
/// that opens files only to map or to hold them. Only the task's own handler uses it.
/// </summary>
internal struct LeaseUse
{
    private const int MaxUnused = 4, TrialInterval = 32;
    private int _unused;
    private int _skipped;

    /// <summary>Learns from a lease that has ended.</summary>
    public void OnEnd(bool wasUsed) => _unused = wasUsed ? 0 : _unused + 1;

    /// <summary>
    /// Asked when a file was opened. False if the task hardly ever reads what it opens; even then, now and then one is
    /// tried.
    /// </summary>
    public bool IsWorth()
    {
        if (_unused < MaxUnused)
            return true;
        _skipped = (_skipped + 1) % TrialInterval;
        return _skipped == 0;
    }
}
