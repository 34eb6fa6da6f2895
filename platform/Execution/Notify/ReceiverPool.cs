namespace Sandbox.Platform.Notify;

/// <summary>Idle receivers, kept for the next guest thread: starting a host thread costs more than waking one.</summary>
internal sealed class ReceiverPool
{
    private const int MaxIdle = 64;

    private readonly Lock _lock = new();
    private readonly Stack<Receiver> _idle = new();

    /// <summary>Receivers that exist, idle ones included.</summary>
    private int _count;

    /// <summary>How many host threads exist for receiving: for tests and statistics.</summary>
    public int Count => Volatile.Read(ref _count);

    public void Assign(Listener listener, GuestThread? first)
    {
        Receiver? receiver;
        lock (_lock)
        {
            if (!_idle.TryPop(out receiver))
                _count++;
        }
        (receiver ?? new Receiver(this)).Assign(listener, first);
    }

    /// <summary>The receiver has nothing to do; it is kept, or ends.</summary>
    public void Release(Receiver receiver)
    {
        lock (_lock)
        {
            if (_idle.Count < MaxIdle)
            {
                _idle.Push(receiver);
                return;
            }
            _count--;
        }
        receiver.Assign(null, null);
    }
}
