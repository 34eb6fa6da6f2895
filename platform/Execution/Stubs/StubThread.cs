using Sandbox.Linux;

namespace Sandbox.Platform.Stubs;

/// <summary>
/// A thread of a stub, whichever platform runs it. It runs guest code, or stands still while somebody here owns it
/// (<see cref="ThreadStates.Busy"/>): whoever runs its handler, or before its start whoever made it.
/// </summary>
internal abstract class StubThread(AddressSpace space, int hostThreadId)
{
    private int _state = (int)(ThreadStates.Busy | ThreadStates.Unstarted);

    public AddressSpace Space => space;

    public int HostThreadId => hostThreadId;

    public ThreadStates State => (ThreadStates)Volatile.Read(ref _state);

    public bool IsUnstarted => (State & ThreadStates.Unstarted) != 0;

    public bool IsStandingStill => (State & (ThreadStates.Busy | ThreadStates.Unstarted | ThreadStates.Gone)) != 0;

    public bool IsGone => (State & ThreadStates.Gone) != 0;

    /// <summary>The stub is gone. Comes once, from the exit watcher.</summary>
    public abstract void OnProcessEnd(int signal);

    /// <summary>A thread that was told to exit has done so, or its stub is gone.</summary>
    public abstract void EndExit(int signal);

    /// <summary>
    /// From now on the thread stands still, or is on its way in. <see cref="ThreadStates.Busy"/> says that it is.
    /// </summary>
    public void Freeze()
    {
        if ((Set(ThreadStates.Frozen) & ThreadStates.Busy) == 0)
            Kick();
    }

    public ThreadStates Clear(ThreadStates states) => (ThreadStates)Interlocked.And(ref _state, ~(int)states);

    /// <summary>The guest did what no honest guest does: its stub is killed.</summary>
    public void Violation(string what)
    {
        space.Host.Log($"host thread {hostThreadId} {what}: its address space is killed");
        space.Kill();
    }

    /// <summary>Takes the thread over if nobody owns it and its stub lives.</summary>
    public bool TryOwn()
    {
        while (true)
        {
            ThreadStates state = State;
            if ((state & (ThreadStates.Busy | ThreadStates.Gone)) != 0)
                return false;
            if (TrySwap(state, state | ThreadStates.Busy))
                return true;
        }
    }

    protected ThreadStates Set(ThreadStates states) => (ThreadStates)Interlocked.Or(ref _state, (int)states);

    /// <summary>True if the state was <paramref name="from"/>, and is <paramref name="to"/> now.</summary>
    protected bool TrySwap(ThreadStates from, ThreadStates to) =>
        Interlocked.CompareExchange(ref _state, (int)to, (int)from) == (int)from;

    /// <summary>
    /// Clears Busy as soon as the thread is not frozen: both in one step, or it would run while frozen.
    /// </summary>
    protected ThreadStates ClearBusy()
    {
        while (true)
        {
            ThreadStates state = State;
            if ((state & (ThreadStates.Frozen | ThreadStates.Gone)) == ThreadStates.Frozen)
            {
                space.AwaitThaw(this);
                OnThaw();
            }
            else if (TrySwap(state, state & ~ThreadStates.Busy))
                return state;
        }
    }

    /// <summary>The thread was kept from leaving, and is free to go again.</summary>
    protected virtual void OnThaw()
    {
    }

    /// <summary>Brings a thread that runs guest code in.</summary>
    protected virtual void Kick()
    {
        Counters.Add(Counter.Kicks);
        HostProcess.SignalThread(space.HostProcessId, hostThreadId, (Signal)StubSignals.Kick);
    }
}
