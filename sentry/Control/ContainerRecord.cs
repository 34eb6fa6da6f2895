using Sandbox.Sentry.Filesystems.Gofer;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Kernel.Processes;

namespace Sandbox.Sentry.Control;

/// <summary>A process that was started from outside, as long as somebody may ask for it.</summary>
internal sealed class ProcessRecord(ThreadGroup group)
{
    private readonly List<Action<int>> _waiting = []; // Guarded by the record itself.
    private int? _status;

    public ThreadGroup Group { get; } = group;

    /// <summary>What connects its terminal with the host's, or null.</summary>
    public Filesystems.Pts.ConsoleBridge? Console { get; init; }

    /// <summary>Its monitor is gone: nobody asks for it any more. Guarded by the containers' lock.</summary>
    public bool IsForgotten { get; set; }

    /// <summary>The wait status, once it is over.</summary>
    public int? Status
    {
        get
        {
            lock (_waiting)
                return _status;
        }
    }

    /// <summary>Calls <paramref name="exited"/> once with the wait status, now or later.</summary>
    public void WhenExited(Action<int> exited)
    {
        int status;
        lock (_waiting)
        {
            if (_status is not { } known)
            {
                _waiting.Add(exited);
                return;
            }

            status = known;
        }

        exited(status);
    }

    /// <summary>The process is over.</summary>
    public void SetExited(int status)
    {
        Action<int>[] waiting;
        lock (_waiting)
        {
            if (_status is not null)
                return;
            _status = status;
            waiting = [.. _waiting];
            _waiting.Clear();
        }

        foreach (Action<int> exited in waiting)
            exited(status);
    }
}

/// <summary>A container as the operator's commands know it.</summary>
internal sealed class ContainerRecord(Container container)
{
    public Container Container { get; } = container;

    /// <summary>Its connection to its Gofer.</summary>
    public required GoferSession Gofer { get; init; }

    /// <summary>What all its processes are confined to, or null.</summary>
    public Kernel.Seccomp.SeccompState? Seccomp { get; init; }

    /// <summary>Processes by the numbers the control protocol uses; 0 is the container's first.</summary>
    public Dictionary<int, ProcessRecord> Processes { get; } = [];

    public int NextNumber { get; set; } = 1;

    public bool IsStarted { get; set; }

    public ProcessRecord Init => Processes[0];
}
