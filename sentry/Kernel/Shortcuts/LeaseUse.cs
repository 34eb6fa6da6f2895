namespace Sandbox.Sentry.Kernel.Shortcuts;

/// <summary>
/// Whether files that a task opens are worth to be read ahead for it. Programs that open files only to map or to hold them are
/// found out by leases that end unused. Only the task's own handler uses it.
/// </summary>
internal struct LeaseUse
{
    private const int MaxUnused = 4, TrialInterval = 32;
    private int _unused;
    private int _skipped;

    /// <summary>A lease has ended.</summary>
    public void OnEnd(bool wasUsed) => _unused = wasUsed ? 0 : _unused + 1;

    /// <summary>A file was opened. False: the task hardly ever reads what it opens; now and then it is tried again.</summary>
    public bool IsWorth()
    {
        if (_unused < MaxUnused)
            return true;
        _skipped = (_skipped + 1) % TrialInterval;
        return _skipped == 0;
    }
}
