using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.Seccomp;

/// <summary>
/// Where a filter's "notify" answers go (seccomp_unotify(2)): tasks that made such a call sleep here until the guest's
/// supervisor has answered, or has closed the listener.
/// </summary>
/// <param name="waitsKillable">A call the supervisor has received is only interrupted by what kills the task.</param>
internal sealed class SeccompListener(bool waitsKillable)
{
    private readonly RankedLock _lock = new(LockRank.Leaf);
    private readonly List<Request> _requests = []; // Guarded by _lock, as are the requests' states.
    private ulong _lastId;
    private bool _isClosed;

    private enum State
    {
        Waiting,
        Received,
        Answered,
    }

    public WaitQueue Waiters { get; } = new();

    /// <summary>Readable: a call waits. Writable: one was received and has no answer.</summary>
    public PollEvents Events
    {
        get
        {
            PollEvents events = PollEvents.None;
            using (_lock.Enter())
            {
                foreach (Request request in _requests)
                    events |= request.State == State.Waiting ? PollEvents.Readable : PollEvents.Writable;
            }

            return events;
        }
    }

    /// <summary>Waits for the supervisor. True if it lets the call be made. Own thread.</summary>
    public bool Ask(Task task, in SeccompData data, out SyscallResult result)
    {
        Request request = new(task, data);
        task.Sleeper.Parker.Reset();
        using (_lock.Enter())
        {
            if (_isClosed)
            {
                result = Errno.ENOSYS;
                return false;
            }

            request.Id = ++_lastId;
            _requests.Add(request);
        }

        Waiters.Notify(PollEvents.Readable);
        while (true)
        {
            bool isDeaf = waitsKillable && StateOf(request) == State.Received;
            Errno reason = isDeaf
                ? task.Sleeper.Parker.ParkUninterruptibly(Deadline.Never)
                : task.Sleeper.Parker.Park(Deadline.Never);
            using (_lock.Enter())
            {
                if (request.State == State.Answered)
                {
                    result = request.Answer;
                    return request.Continues;
                }

                if (reason == Errno.Ok && !task.Group.IsExiting)
                    continue;
                _requests.Remove(request);
            }

            result = Errno.ERESTARTSYS;
            return false;
        }
    }

    /// <summary>Takes the oldest call that waits. EAGAIN if there is none.</summary>
    public Errno Receive(out ulong id, out Task task, out SeccompData data)
    {
        (id, task, data) = (0, null!, default);
        using (_lock.Enter())
        {
            Request? oldest = _requests.Find(static request => request.State == State.Waiting);
            if (oldest is null)
                return Errno.EAGAIN;
            oldest.State = State.Received;
            (id, task, data) = (oldest.Id, oldest.Task, oldest.Data);
        }

        Waiters.Notify(PollEvents.Writable);
        return Errno.Ok;
    }

    /// <summary>Puts a call back that could not be told to the supervisor.</summary>
    public void Return(ulong id)
    {
        using (_lock.Enter())
        {
            if (Find(id) is { } request)
                request.State = State.Waiting;
        }
    }

    /// <summary>Answers a call. ENOENT if its task is gone, EINPROGRESS if nobody received it.</summary>
    public Errno Send(ulong id, SyscallResult answer, bool continues)
    {
        Task task;
        using (_lock.Enter())
        {
            if (Find(id) is not { } request)
                return Errno.ENOENT;
            if (request.State != State.Received)
                return Errno.EINPROGRESS;
            (request.State, request.Answer, request.Continues, task) =
                (State.Answered, answer, continues, request.Task);
            _requests.Remove(request);
        }

        task.Sleeper.Parker.Wake();
        return Errno.Ok;
    }

    /// <summary>The task behind a call that was received and waits for its answer; null if there is none.</summary>
    public Task? FindReceived(ulong id)
    {
        using (_lock.Enter())
            return Find(id) is { State: State.Received } request ? request.Task : null;
    }

    /// <summary>The supervisor is gone: who waits, and whoever comes later, gets ENOSYS.</summary>
    public void Close()
    {
        List<Task> tasks = [];
        using (_lock.Enter())
        {
            _isClosed = true;
            foreach (Request request in _requests)
            {
                (request.State, request.Answer) = (State.Answered, Errno.ENOSYS);
                tasks.Add(request.Task);
            }

            _requests.Clear();
        }

        foreach (Task task in tasks)
            task.Sleeper.Parker.Wake();
    }

    private State StateOf(Request request)
    {
        using (_lock.Enter())
            return request.State;
    }

    // With _lock held.
    private Request? Find(ulong id) => _requests.Find(request => request.Id == id);

    private sealed class Request(Task task, SeccompData data)
    {
        public readonly Task Task = task;
        public readonly SeccompData Data = data;
        public ulong Id;
        public State State;
        public SyscallResult Answer;
        public bool Continues;
    }
}
