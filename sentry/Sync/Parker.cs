using Sandbox.Linux;

namespace Sandbox.Sentry.Sync;

/// <summary>
/// Where one task's handler sleeps. Its own thread parks; anyone may wake it or interrupt it, before or while it sleeps:
/// neither is lost.
/// </summary>
internal sealed class Parker
{
    private const int Woken = 1, Interrupted = 2, Sleeping = 4;
    private readonly HostFutex _futex = new();

    /// <summary>True if a signal, a stop or an exit wants the task: an interruptible sleep ends at once.</summary>
    public bool IsInterrupted => (Volatile.Read(ref _futex.Word) & Interrupted) != 0;

    /// <summary>
    /// Sleeps until <see cref="Wake"/> (Ok), <see cref="Interrupt"/> (ERESTARTSYS) or the deadline (ETIMEDOUT).
    /// A wake that came before is taken at once. Only the owner's thread.
    /// </summary>
    public Errno Park(Deadline deadline) => Sleep(deadline, Interrupted);

    /// <summary>As <see cref="Park"/>, but only a wake or the deadline ends it (vfork's parent, group stops).</summary>
    public Errno ParkUninterruptibly(Deadline deadline) => Sleep(deadline, 0);

    /// <summary>Forgets an earlier wake. Only the owner's thread, before it starts to wait for something new.</summary>
    public void Reset() => Interlocked.And(ref _futex.Word, ~Woken);

    /// <summary>Ends the current or the next park.</summary>
    public void Wake() => Set(Woken);

    /// <summary>Ends interruptible parks until <see cref="ClearInterrupt"/>.</summary>
    public void Interrupt() => Set(Interrupted);

    /// <summary>Called where the interruption is dealt with: before signals are looked at on the way back to the guest.</summary>
    public void ClearInterrupt() => Interlocked.And(ref _futex.Word, ~Interrupted);

    private void Set(int bit)
    {
        int before = Interlocked.Or(ref _futex.Word, bit);
        if ((before & Sleeping) != 0)
            DeferredWakes.Wake(_futex);
    }

    private Errno Sleep(Deadline deadline, int endings)
    {
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
