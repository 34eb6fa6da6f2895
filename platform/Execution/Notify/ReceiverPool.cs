namespace Sandbox.Platform.Notify;

/// <summary>
/// Idle receivers, kept for the next guest thread: starting a host thread costs more than waking one. A guest thread
/// reserves its receiver before it is made, so that the host's having no room for
/// one more thread is an error of clone(2).
/// </summary>
internal sealed class ReceiverPool
{
    private const int MaxIdle = 64;

    private readonly Lock _lock = new();

    // Guarded by _lock.
    private readonly Stack<Receiver> _idle = new();
    private int _reserved; // At most as many as are idle.
    private int _count;

    /// <summary>How many host threads exist for receiving, idle ones included: for tests and statistics.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>
    /// Keeps a receiver for <see cref="AssignReserved"/>. False: EAGAIN, the host has no room for a thread.
    /// </summary>
    public bool TryReserve()
    {
        lock (_lock)
        {
            if (_idle.Count > _reserved)
            {
                _reserved++;
                return true;
            }
        }

        if (!TryCreate(out Receiver? receiver))
            return false;
        lock (_lock)
        {
            _idle.Push(receiver);
            _reserved++;
        }

        return true;
    }

    /// <summary>The reserved receiver is not needed after all.</summary>
    public void EndReservation()
    {
        lock (_lock)
            _reserved--;
    }

    public void AssignReserved(Listener listener, GuestThread? first)
    {
        Receiver receiver;
        lock (_lock)
        {
            _reserved--;
            receiver = _idle.Pop();
        }

        receiver.Assign(listener, first);
    }

    /// <summary>False: EAGAIN, nobody is idle and the host has no room for a thread.</summary>
    public bool TryAssign(Listener listener)
    {
        if (!TryTake(out Receiver? receiver))
            return false;
        receiver.Assign(listener, null);
        return true;
    }

    /// <summary>Runs something else on a receiver's thread. False as <see cref="TryAssign"/>.</summary>
    public bool TryRun(Action work)
    {
        if (!TryTake(out Receiver? receiver))
            return false;
        receiver.Assign(work);
        return true;
    }

    /// <summary>The receiver has nothing to do; it is kept, or ends.</summary>
    public void Release(Receiver receiver)
    {
        lock (_lock)
        {
            if (_idle.Count < MaxIdle + _reserved)
            {
                _idle.Push(receiver);
                return;
            }

            _count--;
        }

        receiver.End();
    }

    private bool TryTake([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Receiver? receiver)
    {
        lock (_lock)
        {
            if (_idle.Count > _reserved)
            {
                receiver = _idle.Pop();
                return true;
            }
        }

        return TryCreate(out receiver);
    }

    private bool TryCreate([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Receiver? receiver)
    {
        receiver = new Receiver(this);
        if (!receiver.TryStart())
        {
            receiver = null;
            return false;
        }

        Interlocked.Increment(ref _count);
        return true;
    }
}
