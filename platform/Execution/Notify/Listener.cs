using Sandbox.Linux;

namespace Sandbox.Platform.Notify;

/// <summary>
/// The seccomp listener of one executed image: its threads, and the address spaces forked from it until they execute
/// another image. At least one receiver is kept per live thread, so that a handler that blocks starves nobody; while a
/// thread runs commands and its handler cannot receive, one more.
/// </summary>
internal sealed class Listener(NotifyPlatform platform, int fd)
{
    private readonly Lock _lock = new();
    private readonly Lock _pollLock = new();

    // All guarded by _lock; ShouldRetire reads the first two without it.
    private int _receivers;
    private int _required;
    private int _threads;
    private int _executing;
    private int _holders;
    private bool _isClosed;
    private readonly List<PendingClone> _pendingClones = [];

    public NotifyPlatform Platform => platform;

    public int Fd => fd;

    /// <summary>A receiver asks between two notifications: there are more than needed.</summary>
    public bool ShouldRetire => Volatile.Read(ref _receivers) > Volatile.Read(ref _required);

    public void Add(PendingClone clone)
    {
        lock (_lock)
            _pendingClones.Add(clone);
    }

    public void Remove(PendingClone clone)
    {
        lock (_lock)
            _pendingClones.Remove(clone);
    }

    public void AddThread()
    {
        lock (_lock)
        {
            _threads++;
            UpdateRequired();
        }
    }

    public void RemoveThread()
    {
        lock (_lock)
        {
            _threads--;
            UpdateRequired();
            CloseIfUnused();
        }
    }

    /// <summary>
    /// A thread starts for which a receiver was reserved: there is one for each thread from now on. It resumes
    /// <paramref name="first"/>, if that is given.
    /// </summary>
    public void AddReceiver(GuestThread? first)
    {
        bool isNeeded;
        lock (_lock)
        {
            isNeeded = first is not null || _receivers < _required;
            if (isNeeded)
                _receivers++;
        }

        if (isNeeded)
            platform.Receivers.AssignReserved(this, first);
        else
            platform.Receivers.EndReservation();
    }

    private bool TryAddReceiver()
    {
        lock (_lock)
        {
            if (_receivers >= _required)
                return true;
            _receivers++;
        }

        if (platform.Receivers.TryAssign(this))
            return true;
        lock (_lock)
            _receivers--;
        return false;
    }

    /// <summary>
    /// A handler begins to run commands. <paramref name="isDirect"/>: nobody else can receive, now or until it ends,
    /// and so it must receive itself; else others receive and it sleeps. False: EAGAIN,
    /// the host has no room for another receiver.
    /// </summary>
    public bool TryBeginExecute(bool isReceiver, out bool isDirect)
    {
        isDirect = true;
        lock (_lock)
        {
            if (_threads == 1 && _receivers == (isReceiver ? 1 : 0))
            {
                _threads++; // Keeps the listener open and receivers away from retiring; nobody else counts now.
                return true;
            }

            isDirect = false;
            _executing++;
            UpdateRequired();
        }

        if (TryAddReceiver())
            return true;
        EndExecute(wasDirect: false);
        return false;
    }

    public void EndExecute(bool wasDirect)
    {
        lock (_lock)
        {
            if (wasDirect)
                _threads--;
            else
                _executing--;
            UpdateRequired();
            CloseIfUnused();
        }
    }

    /// <summary>Keeps the listener open for somebody who is no receiver of it. False if it is closed.</summary>
    public bool TryHold()
    {
        lock (_lock)
        {
            if (_isClosed)
                return false;
            _holders++;
            return true;
        }
    }

    public void EndHold()
    {
        lock (_lock)
        {
            _holders--;
            CloseIfUnused();
        }
    }


    /// <summary>
    /// True if the receiver may leave: there are more than needed. It must not touch the listener after that.
    /// </summary>
    public bool TryRetire()
    {
        lock (_lock)
        {
            if (_receivers <= _required)
                return false;
            Leave();
            return true;
        }
    }

    /// <summary>A receiver leaves because every user of the filter is gone.</summary>
    public void LeaveDead()
    {
        lock (_lock)
            Leave();
    }

    /// <summary>
    /// The next notification. EINTR: try again. ENOENT: every user of the filter is gone. Before Linux 6.11 the kernel
    /// does not tell a receiver that waits so, but it tells one that polls: there,
    /// one polls and the others wait behind it.
    /// </summary>
    public Errno Receive(out SeccompNotification notification)
    {
        Errno error;
        if (platform.EndWakesReceivers)
        {
            error = HostSeccompListener.Receive(fd, out notification);
            return error is Errno.ENOENT && !IsDead() ? Errno.EINTR : error;
        }

        lock (_pollLock)
        {
            PollEvents ready = HostPoll.WaitOne(fd, PollEvents.In);
            if ((ready & PollEvents.In) == 0)
            {
                notification = default;
                return (ready & PollEvents.HangUp) != 0 ? Errno.ENOENT : Errno.EINTR;
            }

            error = HostSeccompListener.Receive(fd, out notification);
            return error is Errno.ENOENT ? Errno.EINTR : error;
        }
    }

    /// <summary>True if every user of the filter is gone (seccomp_unotify(2): POLLHUP).</summary>
    private bool IsDead() => (HostPoll.Now(fd, PollEvents.In) & PollEvents.HangUp) != 0;

    /// <summary>
    /// A notification from a thread id that is not known: the child of a pending clone, or an intruder.
    /// </summary>
    public void Arrive(in SeccompNotification notification)
    {
        PendingClone[] clones;
        lock (_lock)
            clones = [.. _pendingClones];
        foreach (PendingClone pending in clones)
        {
            if (pending.TryArrive(notification))
                return;
        }

        platform.Stubs.Log($"unknown host thread {notification.ThreadId} on a guest's listener: killed");
        HostSyscall.Call(Sys.kill, notification.ThreadId, (int)Signal.Kill);
    }

    private void Leave()
    {
        _receivers--;
        CloseIfUnused();
    }

    private void UpdateRequired() => Volatile.Write(ref _required, _threads + _executing);

    private void CloseIfUnused()
    {
        if (_threads + _executing + _receivers + _holders > 0 || _isClosed)
            return;
        _isClosed = true;
        HostFile.Close(fd);
    }
}
