using Sandbox.Linux;

namespace Sandbox.Sentry.Sync;

/// <summary>Whose handler sleeps: told what becomes of the thread it sleeps on.</summary>
internal interface IParkOwner
{
    /// <summary>
    /// A deferred call can go on. Any thread, once per <see cref="Parker.TryDefer"/>, without a wait queue's lock.
    /// </summary>
    void Resume();

    /// <summary>The calling thread, which runs the handler, is about to sleep for who knows how long.</summary>
    void BeforeSleep();
}

/// <summary>
/// Where one task's handler sleeps. Its own thread parks; anyone may wake it or interrupt it, before or while it
/// sleeps: neither is lost. Where a call can go on from its start, the handler ends instead of sleeping,
/// and the owner is told.
/// </summary>
internal sealed class Parker(IParkOwner? owner = null)
{
    private const int Woken = 1, Interrupted = 2, Sleeping = 4, Deferred = 8;
    private readonly HostFutex _futex = new();
    private int _resumes;

    /// <summary>True if a signal, a stop or an exit wants the task: an interruptible sleep ends at once.</summary>
    public bool IsInterrupted => (Volatile.Read(ref _futex.Word) & Interrupted) != 0;

    /// <summary>
    /// Sleeps until <see cref="Wake"/> (Ok), <see cref="Interrupt"/> (ERESTARTSYS) or the deadline (ETIMEDOUT).
    /// A wake that came before is taken at once. Only the owner's thread.
    /// </summary>
    public Errno Park(Deadline deadline) => Sleep(deadline, Interrupted);

    /// <summary>As <see cref="Park"/>, but only a wake or the deadline ends it (vfork's parent, group stops).</summary>
    public Errno ParkUninterruptibly(Deadline deadline) => Sleep(deadline, 0);

    /// <summary>
    /// Instead of <see cref="Park"/>: the next wake or interruption resumes the owner. False if there was one already.
    /// Only the owner's thread.
    /// </summary>
    public bool TryDefer()
    {
        while (true)
        {
            int word = Volatile.Read(ref _futex.Word);
            if ((word & (Woken | Interrupted)) != 0)
                return false;
            if (Interlocked.CompareExchange(ref _futex.Word, word | Deferred, word) == word)
                return true;
        }
    }

    /// <summary>Forgets an earlier wake. Only the owner's thread, before it starts to wait for something new.</summary>
    public void Reset() => Interlocked.And(ref _futex.Word, ~Woken);

    /// <summary>Ends the current or the next park.</summary>
    public void Wake() => Set(Woken);

    /// <summary>Ends interruptible parks until <see cref="ClearInterrupt"/>.</summary>
    public void Interrupt() => Set(Interrupted);

    /// <summary>
    /// Called where the interruption is dealt with: before signals are looked at on the way back to the guest.
    /// </summary>
    public void ClearInterrupt() => Interlocked.And(ref _futex.Word, ~Interrupted);

    /// <summary>What <see cref="HeldWakes"/> held back.</summary>
    public void WakeNow()
    {
        if (Interlocked.Exchange(ref _resumes, 0) != 0)
            owner!.Resume();
        else
            _futex.Wake();
    }

    private void Set(int bit)
    {
        int before = Interlocked.Or(ref _futex.Word, bit);
        if ((before & Sleeping) != 0)
        {
            HeldWakes.Wake(this);
        }
        else if ((before & Deferred) != 0 && (Interlocked.And(ref _futex.Word, ~Deferred) & Deferred) != 0)
        {
            Volatile.Write(ref _resumes, 1);
            HeldWakes.Wake(this);
        }
    }

    private Errno Sleep(Deadline deadline, int endings)
    {
        bool isTold = false;
        while (true)
        {
            int word = Volatile.Read(ref _futex.Word);
            if ((word & Woken) != 0)
            {
                Interlocked.And(ref _futex.Word, ~(Woken | Sleeping));
                return Errno.Ok;
            }

            if ((word & endings) != 0)
            {
                Interlocked.And(ref _futex.Word, ~Sleeping);
                return Errno.ERESTARTSYS;
            }

            if (deadline.Nanoseconds == 0)
                return Errno.ETIMEDOUT;
            if (!isTold)
            {
                isTold = true;
                owner?.BeforeSleep();
            }

            // The word changes with Sleeping, so a wake between here and the wait makes the wait return at once.
            if (Interlocked.CompareExchange(ref _futex.Word, word | Sleeping, word) != word)
                continue;
            if (_futex.Wait(word | Sleeping, deadline.Nanoseconds))
                continue;

            int after = Interlocked.And(ref _futex.Word, ~(Sleeping | Woken));
            return (after & Woken) != 0 ? Errno.Ok : Errno.ETIMEDOUT;
        }
    }
}
