using Sandbox.Linux;
using Sandbox.Platform.Filters;
using Sandbox.Platform.Shortcuts;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Notify;

/// <summary>
/// A guest thread: a thread of a stub. It runs guest code, or stands still in a notification while somebody here owns
/// it (<see cref="ThreadStates.Busy"/>): the receiver that runs its handler, or before its start whoever made it.
/// </summary>
internal sealed partial class GuestThread : StubThread, IGuestThread, IShortcutOwner, IShortcutHost
{
    private readonly CommandRunner _runner;
    private readonly GuestContext _context;
    private readonly Doorbell _doorbell;
    private readonly IThreadShortcuts? _shortcuts;
    private SyscallArguments _syscall;
    private bool _hasFullState = true;
    private bool _isExiting;
    private volatile int _arrivals;
    private int _hasReservation = 1;

    /// <summary>
    /// A kick was pending before the thread was let run, so it has to be what the thread comes in by.
    /// </summary>
    private volatile bool _isKickDue;

    /// <summary>A thread made by <paramref name="parent"/>, or by the zygote.</summary>
    public GuestThread(Listener listener, AddressSpace space, int hostThreadId, ulong slot, GuestThread? parent = null)
        : base(space, hostThreadId)
    {
        (Listener, Slot) = (listener, slot);
        _runner = new CommandRunner(this);
        _context = new GuestContext(this);
        _doorbell = new Doorbell(this, _runner, _context);
        _shortcuts = parent is null ? listener.Platform.Shortcuts?.Create(this)
            : parent.Space == space ? parent._shortcuts?.ForThread(this)
            : parent._shortcuts?.ForFork(this);
    }

    public Listener Listener { get; }

    public ulong Slot { get; }

    /// <summary>The notification the thread stands in. Only the owner's.</summary>
    public ulong NotificationId { get; set; }

    public IAddressSpace AddressSpace => Space;

    public IGuestEvents? Events { get; set; }

    public ref readonly SyscallArguments Syscall => ref _syscall;

    /// <summary>The call a frame describes.</summary>
    public void SetSyscall(in SyscallArguments syscall) => _syscall = syscall;

    public bool HasFullState => _hasFullState;

    public ref UserRegisters Registers => ref _context.Registers;

    public int ExtendedStateBytes => _context.ExtendedBytes();

    public Result<int> ReadExtendedState(Span<byte> destination) => _context.ReadExtended(destination);

    public Errno WriteExtendedState(ReadOnlySpan<byte> source) => _context.WriteExtended(source);

    public Errno Execute(Span<HostCommand> commands, bool stopAtError)
    {
        if (!_hasFullState)
            throw new InvalidOperationException("commands need the full state");
        return _runner.Run(commands, stopAtError);
    }

    public Errno TrapCalls(ReadOnlySpan<int> numbers, bool onAllThreads) =>
        !_hasFullState ? throw new InvalidOperationException("a filter needs the full state")
        : numbers.IsEmpty ? Errno.Ok
        : _runner.RunFilter(GuestFilter.BuildTraps(numbers), onAllThreads);

    public Result<IGuestThread> Fork() => new CloneOperation(this, _runner, _context).Fork();

    public Result<IGuestThread> CreateThread(ulong? threadPointer) =>
        new CloneOperation(this, _runner, _context).CreateThread(threadPointer);

    /// <summary>
    /// Takes over the first doorbell of a thread made by the zygote. False if its frame cannot be read.
    /// </summary>
    public bool TryEnter(in SeccompNotification doorbell)
    {
        NotificationId = doorbell.Id;
        return _context.TryEnter(doorbell);
    }

    /// <summary>Takes over the first doorbell of a forked child, as a copy of <paramref name="parent"/>.</summary>
    public void EnterFork(in SeccompNotification doorbell, GuestThread parent)
    {
        NotificationId = doorbell.Id;
        _syscall = parent._syscall;
        _context.CopyFrom(parent._context);
    }

    /// <summary>Takes over the first doorbell of a new thread, whose frame was made by the Sentry.</summary>
    public void EnterThread(in SeccompNotification doorbell, GuestThread parent)
    {
        NotificationId = doorbell.Id;
        _syscall = parent._syscall;
        _context.EnterThread(doorbell, parent._context);
    }

    /// <summary>The stub comes from the zygote: what it has of it goes before the thread runs anything.</summary>
    public void MarkFresh() => _runner.IsFresh = true;

    public void Start()
    {
        if (_runner.IsFresh && _runner.Run([], stopAtError: false) != Errno.Ok)
            Space.Kill(); // It still has what it has of the zygote, and must not run so.
        ThreadStates old = Clear(ThreadStates.Unstarted);
        if ((old & ThreadStates.Gone) != 0)
        {
            ReportExit(0); // The watcher came before there was anybody to tell.
            return;
        }

        bool needsHandler = (old & (ThreadStates.Interrupted | ThreadStates.Dying)) != 0;
        if (needsHandler || _context.HasNewFsBase(out _) || _context.HasNewGsBase(out _))
        {
            if (TakeReservation())
                Listener.AddReceiver(this);
            return;
        }

        if (TakeReservation())
            Listener.AddReceiver(null);
        _doorbell.Resume();
    }

    /// <summary>True once: the receiver that was reserved for the thread is the caller's to assign.</summary>
    private bool TakeReservation() => Interlocked.Exchange(ref _hasReservation, 0) != 0;

    /// <summary>
    /// On a receiver's own thread: the first resume of a thread that needs a handler or a command before.
    /// </summary>
    public void ResumeFirst() => Guarded(GuestAction.Resume);

    public void Interrupt()
    {
        ThreadStates old = Set(ThreadStates.Interrupted);
        if ((old & (ThreadStates.Busy | ThreadStates.Interrupted)) == 0)
            Kick();
    }

    public void Kill()
    {
        if (Space.IsLast(this))
        {
            Space.Kill();
            return;
        }

        ThreadStates old = Set(ThreadStates.Dying);
        _shortcuts?.Abandon();
        if ((old & ThreadStates.Unstarted) != 0)
            Start();
        else if ((old & (ThreadStates.Busy | ThreadStates.Dying)) == 0)
            Kick();
    }

    public static bool IsDoorbell(in SeccompNotification notification, int signal) =>
        notification.InstructionPointer == StubCode.DoorbellAddress
        && notification.Number == StubLayout.DoorbellNumber && (int)notification.A0 == signal;

    /// <summary>A notification of this thread; the calling receiver owns the thread until it answers.</summary>
    public void OnNotification(in SeccompNotification notification)
    {
        _arrivals++;
        if (_isExiting)
        {
            OnExitCommand(notification);
            return;
        }

        if (_runner.IsActive)
        {
            _runner.OnNotification(notification);
            return;
        }

        if (_isKickDue && !TakeKick(notification))
            return;
        if (_shortcuts is null)
            Own(notification.Id);
        else if (_shortcuts.TryTakeNotification(notification))
            return;
        try
        {
            if (notification.InstructionPointer == StubCode.DoorbellAddress
                && notification.Number == StubLayout.DoorbellNumber)
            {
                _hasFullState = true;
                _doorbell.OnNotification(notification);
                return;
            }

            if (notification.InstructionPointer == StubCode.CommandAddress)
            {
                AnswerNotification(GuestAction.Return(-(long)Errno.ENOSYS)); // Guest code that jumped there.
                return;
            }

            _hasFullState = false;
            _syscall.Number = notification.Number;
            (_syscall.A0, _syscall.A1, _syscall.A2) = (notification.A0, notification.A1, notification.A2);
            (_syscall.A3, _syscall.A4, _syscall.A5) = (notification.A3, notification.A4, notification.A5);
            _syscall.InstructionPointer = notification.InstructionPointer;
            _shortcuts?.OnNotified(ref _syscall);
            AnswerNotification(Events!.OnSyscall(this));
        }
        catch (Exception exception)
        {
            OnHandlerFailure(exception);
        }
    }

    /// <summary>False: it came in by something else, and so it keeps the kick from being delivered.</summary>
    private bool TakeKick(in SeccompNotification notification)
    {
        if (IsDoorbell(notification, StubSignals.Kick))
            _isKickDue = false;
        if (notification.InstructionPointer == StubCode.DoorbellAddress)
            return true;
        Violation("did not take the signal that calls it");
        return false;
    }

    public void Own(ulong notificationId)
    {
        NotificationId = notificationId;
        Set(ThreadStates.Busy);
    }

    public ShortcutOutcome RunHandler(IShortcutEvents events, bool mayWait, out long value)
    {
        value = 0;
        _hasFullState = false;
        try
        {
            CallProgress progress = events.OnCall(this, mayWait, out GuestAction action);
            if (progress == CallProgress.Waits)
                return ShortcutOutcome.Waits;
            if (progress == CallProgress.Redo)
                return LeaveFast(false) ? ShortcutOutcome.Redo : ShortcutOutcome.Gone;
            value = action.Value;
            switch (action.Kind)
            {
                case GuestActionKind.Return:
                case GuestActionKind.ReturnThenInterrupt:
                    return LeaveFast(action.Kind == GuestActionKind.ReturnThenInterrupt)
                        ? ShortcutOutcome.Answered
                        : ShortcutOutcome.Gone;
                case GuestActionKind.Exit:
                    return EndByKick(isNotified: false) ? ShortcutOutcome.Answered : ShortcutOutcome.Gone;
                default:
                    throw new InvalidOperationException("a fast call ends with a value");
            }
        }
        catch (Exception exception)
        {
            OnHandlerFailure(exception);
            return ShortcutOutcome.Gone;
        }
    }

    public ShortcutOutcome EndWait() => EndByKick(isNotified: false) ? ShortcutOutcome.Answered : ShortcutOutcome.Gone;

    /// <summary>What shortens its calls; null: nothing.</summary>
    public IThreadShortcuts? Shortcuts => _shortcuts;

    ICallShortcuts? IShortcutOwner.Shortcuts => _shortcuts;

    public Lock CloneLock => Space.CloneLock;

    public bool IsEnding => (State & (ThreadStates.Gone | ThreadStates.Dying)) != 0;

    public bool Leave() => LeaveFast(false);

    public bool IsKick(in SeccompNotification notification) => IsDoorbell(notification, StubSignals.Kick);

    public bool TryHold() => Listener.TryHold();

    public void EndHold() => Listener.EndHold();

    public void Wake(ulong notificationId) => HostSeccompListener.Answer(Listener.Fd, notificationId, 0);

    public Errno RunCommands(Span<HostCommand> commands) => _runner.Run(commands, stopAtError: true);

    public void TryWhileFrozen(int limitMilliseconds, Action change) => Space.TryWhileFrozen(limitMilliseconds, change);

    /// <summary>Where a thread that goes on at an address really has to go on.</summary>
    public ulong MapOut(ulong instructionPointer) => _shortcuts?.MapOut(instructionPointer) ?? instructionPointer;

    /// <summary>Answers a call that was notified with nothing but its arguments.</summary>
    private void AnswerNotification(GuestAction action)
    {
        switch (action.Kind)
        {
            case GuestActionKind.Return:
                ulong id = NotificationId;
                _shortcuts?.OnAnswer();
                if (Leave(_shortcuts is { IsWanted: true }))
                    HostSeccompListener.Answer(Listener.Fd, id, action.Value);
                break;
            case GuestActionKind.ReturnThenInterrupt:
                if (Leave(true))
                    HostSeccompListener.Answer(Listener.Fd, NotificationId, action.Value);
                break;
            case GuestActionKind.ExecuteOnHost:
            case GuestActionKind.ExecuteThenInterrupt:
                ContinueOnHost(action);
                break;
            case GuestActionKind.Exit:
                ExitFromNotification();
                break;
            default:
                throw new InvalidOperationException("Resume needs the full state");
        }
    }

    private void ContinueOnHost(GuestAction action)
    {
        ulong id = NotificationId;
        if (action.HostFd >= 0)
        {
            uint number = (uint)_syscall.A4; // The host looks at no more of it.
            Errno error = LentNumbers.Contains(number) || _shortcuts?.IsOwnDescriptor(number) == true
                ? Errno.EBUSY
                : HostSeccompListener.AddFd(Listener.Fd, id, action.HostFd, (int)number);
            if (error is not (Errno.Ok or Errno.ENOENT))
            {
                // The guest's number is taken or above the host's limit: make the call as a command, with one of ours.
                _doorbell.Postpone(action.HostFd);
                if (Leave(true))
                    HostSeccompListener.Answer(Listener.Fd, id, 0);
                return;
            }

            Space.HasLentDescriptors = true;
        }

        if (Leave(action.Kind == GuestActionKind.ExecuteThenInterrupt))
            HostSeccompListener.Continue(Listener.Fd, id);
    }

    /// <summary>
    /// Gives the thread up, right before the answer that lets it run. A kick that is due is sent now and waits until
    /// the thread returns to user mode. False if the stub is gone: then the exit has been reported.
    /// </summary>
    public bool Leave(bool interrupt) => Leave(interrupt, isNotified: true);

    /// <summary>
    /// As <see cref="Leave(bool)"/>, of a thread that looks at its page: it may run on before the kick gets to it.
    /// </summary>
    public bool LeaveFast(bool interrupt) => Leave(interrupt, isNotified: false);

    private bool Leave(bool interrupt, bool isNotified)
    {
        ThreadStates old = ClearBusy();
        if ((old & ThreadStates.Gone) != 0)
        {
            ReportExit(0);
            return false;
        }

        if (!interrupt && (old & (ThreadStates.Interrupted | ThreadStates.Dying)) == 0)
            return true;
        if (isNotified)
            _isKickDue = true;
        Kick();
        return true;
    }

    /// <summary>After a violation: the stub dies, and with it the notification.</summary>
    public void LeaveGone()
    {
        if ((Clear(ThreadStates.Busy) & ThreadStates.Gone) != 0)
            ReportExit(0);
    }

    protected override void OnThaw() => _doorbell.OnThaw();

    private void Guarded(GuestAction action)
    {
        try
        {
            _doorbell.Finish(action);
        }
        catch (Exception exception)
        {
            OnHandlerFailure(exception);
        }
    }

    /// <summary>A bug in a handler costs its own guest, not the sandbox.</summary>
    private void OnHandlerFailure(Exception exception)
    {
        Space.Host.Log($"internal error in a handler of host thread {HostThreadId}: {exception}");
        Space.Kill();
        LeaveGone();
    }
}
