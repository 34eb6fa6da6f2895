using System.Diagnostics;
using Sandbox.Linux;
using Sandbox.Platform.Shortcuts.Leases;
using Sandbox.Platform.Shortcuts.Page;
using Sandbox.Platform.Shortcuts.Rewriting;

namespace Sandbox.Platform.Shortcuts.Polling;

/// <summary>
/// The calls of one guest thread that come by its shared page. At most one is under way, and it owns the thread like a
/// notified one. Only the Sentry's own word says that a call is under way: what the page says decides nothing else.
/// </summary>
/// <remarks>
/// A thread that has waited long makes the *sleep* call. Its notification is answered when the request is; and where
/// nobody has taken the request, the receiver of the sleep call does. So a request cannot be lost, whoever looks at
/// pages or not. A call that waits for something is deferred: it stays under way, on no host thread, until it is
/// continued by a poller.
/// </remarks>
internal sealed class FastChannel(
    IShortcutHost thread, FastPage page, CallSites sites, IChannelOwner owner, FastLeases leases, FastPollers? pollers)
{
    private static readonly long _recentTicks = Stopwatch.Frequency * 20 / 1_000;

    private readonly object _lock = new();
    private readonly FastWindow _window = new(thread.Space, page);

    // Guarded by _lock.
    private bool _isRunning;
    private bool _isDeferred;
    private bool _isContinued;
    private ulong _sleepId;
    private int _waiting;
    private bool _isPolled;
    private bool _isConfined;

    /// <summary>A poller has it, or is about to get it: 1.</summary>
    private int _isOffered;

    public FastPage Page => page;

    /// <summary>The leases by which the thread reads files by itself.</summary>
    public FastLeases Leases => leases;

    /// <summary>True while the thread's call waits for something without a host thread. A hint.</summary>
    public bool IsDeferred => Volatile.Read(ref _isDeferred);

    /// <summary>When a poller took a request last (Stopwatch ticks); only pollers write it.</summary>
    public long LastServed { get; set; }

    /// <summary>A poller took a request a moment ago. A hint.</summary>
    public bool WasServedRecently => Stopwatch.GetTimestamp() - LastServed < _recentTicks;

    /// <summary>
    /// Asks for a poller, because the thread calls often. False if there is none to be had, or one looks at the page
    /// already.
    /// </summary>
    public bool TryOffer()
    {
        if (pollers is null || !TryReserve())
            return false;
        if (pollers.TryOffer(this))
            return true;
        EndOffer();
        return false;
    }

    /// <summary>Reserves the channel for one poller, until <see cref="EndOffer"/>. False: another has it.</summary>
    public bool TryReserve()
    {
        if (Volatile.Read(ref _isOffered) != 0 || Interlocked.Exchange(ref _isOffered, 1) != 0)
            return false;
        if (thread.TryHold())
            return true;
        Volatile.Write(ref _isOffered, 0);
        return false;
    }

    /// <summary>The poller has forgotten the channel.</summary>
    public void EndOffer()
    {
        thread.EndHold();
        Volatile.Write(ref _isOffered, 0);
    }

    /// <summary>
    /// A poller begins to look at the page. It does not leave its processor, and so the guest must not wait for that.
    /// </summary>
    public void BeginPolling(int processor)
    {
        lock (_lock)
        {
            _isPolled = true;
            page.Open(true);
            _isConfined = HostProcessors.Avoid(thread.HostThreadId, processor) == Errno.Ok;
        }
    }

    /// <summary>The poller looks no longer.</summary>
    public void EndPolling()
    {
        lock (_lock)
        {
            if (!_isPolled)
                return;
            _isPolled = false;
            page.Open(false);
        }

        Release();
    }

    /// <summary>The thread may run anywhere again, and so may the children that it makes.</summary>
    public void Release()
    {
        lock (_lock)
        {
            if (!_isConfined)
                return;
            _isConfined = false;
            HostProcessors.Avoid(thread.HostThreadId, -1);
        }
    }

    /// <summary>
    /// Handles the request that is in the page, if one is. The calling poller then has run the handler.
    /// </summary>
    public bool TryServe()
    {
        if (!page.HasRequest)
            return false;
        lock (_lock)
        {
            if (_isRunning || !page.HasRequest || !thread.TryOwn())
                return false;
            _isRunning = true;
        }

        page.SetState(FastLayout.StateTaken);
        Run();
        return true;
    }

    /// <summary>
    /// A notification of the thread has come. True if it was dealt with here. Else it is the receiver's, which owns the
    /// thread from here on.
    /// </summary>
    public bool OnNotification(in SeccompNotification notification)
    {
        if (notification.InstructionPointer == FastCode.SleepAddress && notification.Number == FastLayout.SleepNumber)
        {
            OnSleep(notification.Id);
            return true;
        }

        bool isKick = thread.IsKick(notification);
        lock (_lock)
        {
            if (_isRunning && !isKick)
            {
                thread.Violation("made two calls at once");
                return true;
            }

            // A kick that was sent before the request was taken: the thread stands still until the call has its answer.
            _waiting++;
            while (_isRunning)
                Monitor.Wait(_lock);
            _waiting--;
            thread.Own(notification.Id);
        }

        return false;
    }

    /// <summary>
    /// The deferred call can go on. It may be that its handler has not quite ended: then that goes on.
    /// </summary>
    public void Continue()
    {
        lock (_lock)
        {
            _isContinued = !_isDeferred;
            if (!_isDeferred)
                return;
            _isDeferred = false;
        }

        pollers!.Continue(this);
    }

    /// <summary>The thread is gone or about to end: a deferred call has nothing to wait for.</summary>
    public void Abandon()
    {
        lock (_lock)
        {
            if (!_isDeferred)
                return;
            _isDeferred = false;
        }

        pollers!.Continue(this);
    }

    /// <summary>On a poller: runs the handler of a call that was deferred.</summary>
    public void RunContinued()
    {
        if (!thread.IsEnding)
            Run(Handle(out long value, out int output), value, output);
        else
            Run(thread.EndWait(), -(long)Errno.EINTR, 0);
    }

    /// <summary>The handler is about to sleep: then the guest need not go on waiting for it.</summary>
    public void BeforeSleep() => page.SetState(FastLayout.StateDeferred);

    private void OnSleep(ulong id)
    {
        bool isMine;
        lock (_lock)
        {
            if (_isRunning)
            {
                _sleepId = id;
                return;
            }

            isMine = page.HasRequest && thread.TryOwn();
            if (isMine)
                (_isRunning, _sleepId) = (true, id);
        }

        if (isMine)
        {
            owner.OnPosted();
            Run();
        }
        else
        {
            thread.Wake(id); // The request was answered meanwhile.
        }
    }

    /// <summary>The thread is owned, and its request stands in the page, to be copied once.</summary>
    private void Run()
    {
        page.Read(out SyscallArguments call);
        (long value, int output) = (0, 0);
        ShortcutOutcome outcome;
        if (sites.TryFind(page.Entry, out RewrittenCall site) && FastCalls.Contains(call.Number))
        {
            call.InstructionPointer = site.Return;
            thread.SetSyscall(call);
            owner.OnTaken(call.Number);
            outcome = Handle(out value, out output);
        }
        else
        {
            outcome = thread.Leave() ? ShortcutOutcome.Redo : ShortcutOutcome.Gone;
        }

        Run(outcome, value, output);
    }

    /// <summary>Runs the handler, whose copies from and to the thread's memory may go by the page.</summary>
    private ShortcutOutcome Handle(out long value, out int output)
    {
        _window.Begin();
        ShortcutOutcome outcome = thread.RunHandler(owner.Events, Volatile.Read(ref _isPolled), out value);
        output = _window.End(ref value);
        return outcome;
    }

    private void Run(ShortcutOutcome outcome, long value, int output)
    {
        while (outcome == ShortcutOutcome.Waits)
        {
            lock (_lock)
            {
                if (!_isContinued)
                {
                    _isDeferred = true;
                    page.SetState(FastLayout.StateDeferred);
                    return;
                }

                _isContinued = false;
            }

            outcome = Handle(out value, out output);
        }

        ulong sleeper;
        lock (_lock)
        {
            if (outcome != ShortcutOutcome.Gone)
            {
                int state = _isPolled ? FastLayout.StateOpen : FastLayout.StateClosed;
                page.Publish(value, output, outcome == ShortcutOutcome.Redo, state);
            }

            (sleeper, _sleepId) = (_sleepId, 0);
            _isRunning = false;
            if (_waiting > 0)
                Monitor.PulseAll(_lock);
        }

        if (sleeper == 0)
            return;
        owner.OnAnswer();
        thread.Wake(sleeper);
    }
}
