using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>Who an owner's number names (fcntl(2), F_SETOWN_EX).</summary>
internal enum IoOwnerKind
{
    Thread,
    Process,
    ProcessGroup,
}

/// <summary>
/// Who is told, and by which signal, that an open file has become ready: F_SETOWN, F_SETSIG and O_ASYNC of fcntl(2).
/// Made when first asked for; lives as long as the file.
/// </summary>
internal sealed class IoSignal : FileObserver, IWaitTarget
{
    // asm-generic/siginfo.h: the si_code of SIGPOLL, and of other signals that have codes of their own.
    private const int CodeIn = 1, CodeOut = 2, CodeError = 4, CodeHangUp = 6, CodeSigIo = -5;
    private const PollEvents Told = PollEvents.Readable | PollEvents.Writable | PollEvents.Priority;

    private readonly Kernel _kernel;
    private readonly WaitQueue _queue;
    private readonly WaitNode _node = new();
    private readonly Lock _lock = new();

    // Guarded by _lock.
    private Pid? _owner;
    private IoOwnerKind _kind;
    private Credentials? _credentials;
    private Signal _signal;
    private int _descriptor;
    private bool _isOn;
    private bool _isReleased;

    private int _events; // What has happened since the last signal; not 0 while this is queued.

    private IoSignal(Kernel kernel, WaitQueue queue) => (_kernel, _queue) = (kernel, queue);

    /// <summary>The next in the queue of those that wait to be sent; the queue's own.</summary>
    internal IoSignal? NextQueued { get; set; }

    /// <summary>What F_SETSIG set; None for a plain SIGIO.</summary>
    public Signal Signal
    {
        get => _signal;
        set
        {
            lock (_lock)
                _signal = value;
        }
    }

    /// <summary>The file's, made now if there is none. Null if such a file never sends signals.</summary>
    public static IoSignal? Of(Task task, OpenFile file)
    {
        if (file.IoSignal is IoSignal known)
            return known;
        if (!file.SendsIoSignals || file.Waiters is not { } queue)
            return null;
        IoSignal made = new(task.Kernel, queue);
        if (!file.TrySetIoSignal(made))
            return (IoSignal?)file.IoSignal;
        file.AddObserver(made);
        return made;
    }

    /// <summary>The number of the owner as <paramref name="viewer"/> sees it, 0 if there is none.</summary>
    public (IoOwnerKind Kind, int Number) OwnerFor(PidNamespace viewer)
    {
        lock (_lock)
            return (_kind, _owner?.In(viewer) ?? 0);
    }

    /// <summary>
    /// Sets or (null) takes away the owner; <paramref name="setter"/>'s rights decide later whom it may signal.
    /// </summary>
    public void SetOwner(Task setter, IoOwnerKind kind, Pid? owner)
    {
        lock (_lock)
            (_kind, _owner, _credentials) = (kind, owner, setter.Credentials);
    }

    /// <summary>O_ASYNC. <paramref name="descriptor"/> is what si_fd will say.</summary>
    public void Switch(bool isOn, Fd descriptor)
    {
        if (isOn)
            _kernel.IoSignals.Start();
        lock (_lock)
        {
            if (isOn == _isOn || _isReleased)
                return;
            (_isOn, _descriptor) = (isOn, descriptor.Number);
            if (isOn)
                _queue.Add(_node, this, Told);
            else
                _queue.Remove(_node);
        }
    }

    public void OnEvent(WaitNode node, PollEvents events)
    {
        if (Interlocked.Or(ref _events, (int)events | 1 << 30) == 0)
            _kernel.IoSignals.Queue(this);
    }

    public override void OnFileReleased(OpenFile file)
    {
        lock (_lock)
        {
            if (_isOn)
                _queue.Remove(_node);
            (_isOn, _isReleased, _owner) = (false, true, null);
        }
    }

    /// <summary>Sends what has come up; on the sending thread, without locks.</summary>
    public void Send()
    {
        PollEvents events = (PollEvents)Interlocked.Exchange(ref _events, 0);
        Pid? owner;
        IoOwnerKind kind;
        Credentials? credentials;
        SignalInfo info;
        lock (_lock)
        {
            (owner, kind, credentials) = (_owner, _kind, _credentials);
            info = InfoOf(events);
        }

        if (owner is null || credentials is null)
            return;
        using (_kernel.Tree.Enter())
        {
            switch (kind)
            {
                case IoOwnerKind.Thread when owner.Task is { } thread && May(credentials, thread):
                    SignalSender.SendToTask(thread, info);
                    break;
                case IoOwnerKind.Process when owner.ThreadGroup is { } process && May(credentials, process.Leader):
                    SendOrFallBack(process, info);
                    break;
                case IoOwnerKind.ProcessGroup when owner.ProcessGroup is { } group:
                    foreach (ThreadGroup member in group.Members.ToArray())
                    {
                        if (May(credentials, member.Leader))
                            SendOrFallBack(member, info);
                    }

                    break;
            }
        }
    }

    // A full queue loses which file it was, not that there was one.
    private static void SendOrFallBack(ThreadGroup target, in SignalInfo info)
    {
        if (SignalSender.SendToGroup(target, info) == Errno.EAGAIN)
            SignalSender.SendToGroup(target, SignalInfo.FromKernel(Signal.Poll));
    }

    private SignalInfo InfoOf(PollEvents events)
    {
        if (_signal == Signal.None)
            return SignalInfo.FromKernel(Signal.Poll);
        (int code, PollEvents band) = (events & PollEvents.HangUp) != 0
            ? (CodeHangUp, PollEvents.HangUp | PollEvents.Error)
            : (events & PollEvents.Error) != 0 ? (CodeError, PollEvents.Error)
            : (events & PollEvents.Readable) != 0 ? (CodeIn, PollEvents.Readable)
            : (CodeOut, PollEvents.Writable);
        bool hasOwnCodes = _signal is Signal.Trap or Signal.Bus or Signal.FloatingPoint or Signal.Child
            or Signal.IllegalInstruction or Signal.Segment or Signal.BadSystemCall;
        return new SignalInfo
        {
            Number = (int)_signal, Code = hasOwnCodes ? CodeSigIo : code, Address = (ulong)band, Status = _descriptor,
        };
    }

    // fcntl(2), F_SETOWN: the rights are those of who set the owner, when they set it.
    private static bool May(Credentials own, Task target)
    {
        Credentials other = target.Credentials;
        return own.EffectiveUserId == 0 || own.EffectiveUserId == other.SavedUserId
            || own.EffectiveUserId == other.UserId
            || own.UserId == other.SavedUserId || own.UserId == other.UserId;
    }
}
