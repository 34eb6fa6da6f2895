using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Notify;

/// <summary>
/// A clone that a guest thread executes at this moment. Its mark, which nobody can guess, is put into the parent's slot
/// before: what comes in under a thread id that is not known is the child of the clone whose mark is in its memory.
/// </summary>
/// <param name="isThread">A thread of the same process is made, not a process.</param>
/// <param name="markAddress">Where the mark is, in the parent's memory and the child's.</param>
internal sealed class PendingClone(bool isThread, ulong markAddress) : IDisposable
{
    private readonly object _lock = new();
    private bool _hasArrived;
    private Guid _mark = NewMark();

    public bool IsThread => isThread;

    public ulong MarkAddress => markAddress;

    public ReadOnlySpan<byte> Mark => MemoryMarshal.AsBytes(new ReadOnlySpan<Guid>(in _mark));

    public SeccompNotification Arrival { get; private set; }

    /// <summary>
    /// The process that the parent's memory says is the child; null for a thread. Owned until it is taken.
    /// </summary>
    public HostFd? Process { get; set; }

    /// <summary>That process's id; 0 for a thread.</summary>
    public int ProcessId { get; set; }

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

        Span<byte> mark = stackalloc byte[StubLayout.SlotMarkBytes];
        if (HostProcess.ReadMemory(notification.ThreadId, markAddress, mark).Failed(out int count, out _)
            || count != mark.Length || !mark.SequenceEqual(Mark))
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

    private static Guid NewMark()
    {
        Guid mark = default;
        HostRandom.Fill(MemoryMarshal.AsBytes(new Span<Guid>(ref mark)));
        return mark;
    }
}
