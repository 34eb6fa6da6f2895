using System.Diagnostics;
using Sandbox.Platform.Notify;
using Sandbox.Platform.Shortcuts.Page;
using Sandbox.Platform.Shortcuts.Polling;

namespace Sandbox.Platform.Shortcuts.Rewriting;

/// <summary>
/// How one guest thread comes onto the fast path: a place that it calls from often is rewritten, calls from there in quick
/// succession get it a page, and then somebody who looks at it. Only the thread's current owner uses it.
/// </summary>
internal sealed class FastPath(GuestThread thread, CommandRunner runner, FastPollers? pollers) : ICallShortcuts
{
    private const int StreakCalls = 8, AgainCalls = 1;

    private readonly FastSetup _setup = new(thread, runner);
    private readonly Lock _idsLock = new(); // Held while the page's ids are changed.
    private bool _wantsRewriting;
    private bool _wantsChannel;
    private bool _mayHaveChannel = true;
    private bool _isCounting;
    private bool _isRewritten;
    private long _lastAnswer;
    private int _streak;

    /// <summary>Null until the thread has a page.</summary>
    public FastChannel? Channel { get; private set; }

    public IShortcutEvents? Events { get; private set; }

    public bool MayReadFiles => Channel is not null;

    /// <summary>The thread is to be brought in, for something has to be done with its full state.</summary>
    public bool IsWanted => _wantsChannel || _wantsRewriting;

    public void Attach(IShortcutEvents events) => Events = events;

    public void Continue() => Channel!.Continue();

    public IFileLease? OfferFile(int descriptor) => Channel?.Leases.Offer(descriptor);

    public void BeforeSleep() => FastPoller.BeforeSleep();

    /// <summary>A call was notified. Where it came from a rewritten place, it is told as if from the original.</summary>
    public void OnNotified(ref SyscallArguments call)
    {
        ulong caller = call.InstructionPointer;
        _isRewritten = FastLayout.IsInTable(caller);
        if (_isRewritten)
            call.InstructionPointer = thread.Space.Sites.Original(caller);
        else if (!FastCalls.Contains(call.Number))
            return;
        OfferIds(call.Number);
        Count();
        if (_isRewritten || !thread.Space.Sites.IsHot(caller) || !_setup.CanRewrite(caller))
            return;
        (_wantsRewriting, _wantsChannel) = (true, _streak >= StreakCalls && Channel is null && _mayHaveChannel);
    }

    /// <summary>A call came by the page, but by a notification.</summary>
    public void OnPosted()
    {
        _isRewritten = true;
        Count();
    }

    /// <summary>A notified call is about to be answered: what the guest does from here to its next call is its own time.</summary>
    public void OnAnswer()
    {
        if (!_isCounting)
            return;
        _isCounting = false;
        bool isAgain = pollers is { IsPaying: true } && Channel is { WasServedRecently: true };
        if (_isRewritten && _streak >= (isAgain ? AgainCalls : StreakCalls))
            OnStreak();
        _lastAnswer = Stopwatch.GetTimestamp();
    }

    /// <summary>The thread makes a call. If it asks for an id, it is to know all of them from now on.</summary>
    public void OfferIds(int number)
    {
        if (!FastCalls.IsAnswered(number) || Channel is null || Events!.Ids is not { } ids)
            return;
        lock (_idsLock)
            Channel.Page.SetIds(ids);
        Interlocked.MemoryBarrier();
        if (Events.Ids != ids)
            WithdrawAnswers(); // Whoever changed them meanwhile may have come before the lines above.
    }

    public void WithdrawAnswers()
    {
        lock (_idsLock)
            Channel?.Page.ClearIds();
        Channel?.Leases.EndAll();
    }

    /// <summary>At the doorbell, with full state.</summary>
    public void Prepare(GuestContext context)
    {
        if (!IsWanted)
            return;
        (bool wantsRewriting, bool wantsChannel) = (_wantsRewriting, _wantsChannel);
        (_wantsRewriting, _wantsChannel) = (false, false);
        if (wantsRewriting)
            _setup.Rewrite();
        if (!wantsChannel || Channel is not null || Events is null)
            return;
        Channel = _setup.MakeChannel(context.Registers.GsBase != 0);
        _mayHaveChannel = Channel is not null;
    }

    private void Count()
    {
        _isCounting = true;
        long gap = Stopwatch.GetTimestamp() - _lastAnswer;
        _streak = gap < FastPollers.LongestGap ? _streak + 1 : 0;
        pollers?.AddGap(gap);
    }

    private void OnStreak()
    {
        _streak = 0;
        if (Channel is null)
            _wantsChannel = _mayHaveChannel;
        else if (pollers is { IsReady: true })
            Channel.TryOffer(pollers);
    }
}
