using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Notify;

/// <summary>
/// What the <see cref="Watchdog"/> wants to know: a guest thread that is called may choose not to come.
/// </summary>
internal sealed partial class GuestThread
{
    /// <summary>How often it has come in: changes with everything that it does here.</summary>
    public int Arrivals => _arrivals;

    /// <summary>It runs commands.</summary>
    public bool IsRunningCommands => _runner.IsActive;

    /// <summary>Somebody waits for it to come in, or to end: it has no other business.</summary>
    public bool IsAwaited
    {
        get
        {
            const ThreadStates wanted = ThreadStates.Interrupted | ThreadStates.Dying | ThreadStates.Frozen;
            ThreadStates state = State;
            if ((state & (ThreadStates.Gone | ThreadStates.Released)) != 0)
                return false;
            if (IsRunningCommands || Volatile.Read(ref _isExiting))
                return true;
            return (state & ThreadStates.Busy) == 0 && ((state & wanted) != 0 || _isKickDue);
        }
    }

    /// <summary>From now on the watchdog looks whether the thread comes.</summary>
    public void Watch()
    {
        if (TryWatch())
            Listener.Platform.Watchdog.Add(this);
    }

    /// <summary>False if it is watched already.</summary>
    public bool TryWatch() =>
        (State & ThreadStates.Watched) == 0 && (Set(ThreadStates.Watched) & ThreadStates.Watched) == 0;

    /// <summary>Brings the thread in, or has it convicted.</summary>
    protected override void Kick()
    {
        base.Kick();
        Watch();
    }
}
