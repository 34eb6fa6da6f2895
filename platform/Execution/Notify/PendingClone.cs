using Sandbox.Linux;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Notify;

/// <summary>
/// A clone that a guest thread executes at this moment. There is at most one per listener, and each verified clone makes
/// exactly one new caller, so the first unknown thread id on the listener is its child, whatever the guest's memory says.
/// </summary>
internal sealed class PendingClone(bool isThread) : IDisposable
{
    private readonly object _lock = new();
    private bool _hasArrived;

    /// <summary>A thread of the same process is made, not a process.</summary>
    public bool IsThread => isThread;

    public SeccompNotification Arrival { get; private set; }

    /// <summary>The process that the parent's memory says is the child; null for a thread. Owned until it is taken.</summary>
    public HostFd? Process { get; set; }

    /// <summary>The child's first doorbell is here.</summary>
    public bool HasArrived
    {
        get
        {
            lock (_lock)
                return _hasArrived;
        }
    }

    /// <summary>The child's pidfd, the caller's from now on; null if it could not be opened.</summary>
    public HostFd? TakeProcess()
    {
        HostFd? process = Process;
        Process = null;
        return process;
    }

    public void Dispose() => Process?.Dispose();

    /// <summary>False if this is not what the child must do first.</summary>
    public bool TryArrive(in SeccompNotification notification)
    {
        int expected = isThread ? StubLayout.SignalNewThread : StubLayout.SignalDone;
        if (notification.InstructionPointer != StubCode.DoorbellAddress
            || notification.Number != StubLayout.DoorbellNumber || (int)notification.A0 != expected)
        {
            return false;
        }
        lock (_lock)
        {
            if (_hasArrived)
                return false;
            Arrival = notification;
            _hasArrived = true;
            Monitor.PulseAll(_lock);
            return true;
        }
    }

    /// <summary>Sleeps until the child is there; false if it is not in time.</summary>
    public bool WaitForArrival(int milliseconds)
    {
        lock (_lock)
            return _hasArrived || Monitor.Wait(_lock, milliseconds) || _hasArrived;
    }
}
