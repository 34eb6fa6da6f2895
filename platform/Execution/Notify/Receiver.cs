using Sandbox.Linux;

namespace Sandbox.Platform.Notify;

/// <summary>
/// A host thread that receives notifications of one listener after the other and
/// runs the handlers of its guest threads.
/// </summary>
internal sealed class Receiver
{
    private const int StackBytes = 256 << 10;

    private const int Idle = 0, Assigned = 1;

    private readonly ReceiverPool _pool;
    // Not a monitor: the woken thread would wait at once for the lock of the waker.
    private readonly HostFutex _state = new();

    // Written before the state becomes Assigned, by the one who took the receiver out of the pool.
    private Listener? _listener;
    private GuestThread? _first;
    private Action? _work;

    public Receiver(ReceiverPool pool) => _pool = pool;

    /// <summary>False: EAGAIN, the host has no room for its thread.</summary>
    public bool TryStart() => HostThread.TryStart("receiver", StackBytes, Run);

    /// <summary>Gives an idle receiver its work.</summary>
    public void Assign(Listener listener, GuestThread? first) => Assign(listener, first, null);

    /// <summary>Gives an idle receiver other work.</summary>
    public void Assign(Action work) => Assign(null, null, work);

    /// <summary>Ends an idle receiver.</summary>
    public void End() => Assign(null, null, null);

    private void Assign(Listener? listener, GuestThread? first, Action? work)
    {
        (_listener, _first, _work) = (listener, first, work);
        Volatile.Write(ref _state.Word, Assigned);
        _state.Wake();
    }

    private void Run()
    {
        while (true)
        {
            while (Volatile.Read(ref _state.Word) == Idle)
                _state.Wait(Idle, long.MaxValue);
            (Listener? listener, GuestThread? first, Action? work) = (_listener, _first, _work);
            (_listener, _first, _work) = (null, null, null);
            Volatile.Write(ref _state.Word, Idle);
            if (listener is not null)
            {
                first?.ResumeFirst();
                Serve(listener);
            }
            else if (work is not null)
            {
                HostThread.Guard("receiver", work);
            }
            else
            {
                return;
            }

            _pool.Release(this);
        }
    }

    private static void Serve(Listener listener)
    {
        while (true)
        {
            if (listener.ShouldRetire && listener.TryRetire())
                return;
            Errno error = listener.Receive(out SeccompNotification notification);
            if (error == Errno.Ok)
            {
                Dispatch(listener, notification);
            }
            else if (error is not Errno.EINTR)
            {
                listener.LeaveDead();
                return;
            }
        }
    }

    private static void Dispatch(Listener listener, in SeccompNotification notification)
    {
        Counters.Add(Counter.Notifications);
        GuestThread? thread = listener.Platform.Threads.Find(notification.ThreadId);
        if (thread is not null && thread.Listener == listener)
            thread.OnNotification(notification);
        else
            listener.Arrive(notification);
    }
}
