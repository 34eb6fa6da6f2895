using Sandbox.Linux;

namespace Sandbox.Platform.Notify;

/// <summary>
/// A host thread that receives notifications of one listener after the other and runs the handlers of its guest threads.
/// </summary>
internal sealed class Receiver
{
    private const int StackBytes = 256 << 10;

    private const int Idle = 0, Assigned = 1;

    private readonly ReceiverPool _pool;
    private readonly HostFutex _state = new(); // Not a monitor: the woken thread would wait at once for the lock of the waker.

    // Written before the state becomes Assigned, by the one who took the receiver out of the pool.
    private Listener? _listener;
    private GuestThread? _first;

    public Receiver(ReceiverPool pool)
    {
        _pool = pool;
        Thread thread = new(Run, StackBytes) { IsBackground = true, Name = "receiver" };
        thread.Start();
    }

    /// <summary>Gives an idle receiver its work; null ends it.</summary>
    public void Assign(Listener? listener, GuestThread? first)
    {
        (_listener, _first) = (listener, first);
        Volatile.Write(ref _state.Word, Assigned);
        _state.Wake();
    }

    private void Run()
    {
        while (true)
        {
            while (Volatile.Read(ref _state.Word) == Idle)
                _state.Wait(Idle, long.MaxValue);
            (Listener? listener, GuestThread? first) = (_listener, _first);
            (_listener, _first) = (null, null);
            Volatile.Write(ref _state.Word, Idle);
            if (listener is null)
                return;
            first?.ResumeFirst();
            Serve(listener);
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
