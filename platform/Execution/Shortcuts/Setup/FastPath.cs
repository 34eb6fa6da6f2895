using System.Diagnostics;
using Sandbox.Linux;
using Sandbox.Platform.Shortcuts.Leases;
using Sandbox.Platform.Shortcuts.Page;
using Sandbox.Platform.Shortcuts.Polling;
using Sandbox.Platform.Shortcuts.Rewriting;

namespace Sandbox.Platform.Shortcuts.Setup;

/// <summary>
/// How one guest thread comes onto the fast path: a place that it calls from often is rewritten, calls from there in
/// quick succession get it a page, and then somebody who looks at it. Only the thread's current owner uses it.
/// </summary>
internal sealed class FastPath : IThreadShortcuts, IChannelOwner
{
    private const int StreakCalls = 8, AgainCalls = 1, MaxStrayFaults = 16;

    private readonly IShortcutHost _thread;
    private readonly CallSites _sites;
    private readonly FastPollers? _pollers;
    private readonly LeaseBudget _leases;
    private readonly FastSetup _setup;
    private readonly Lock _idsLock = new(); // Held while the page's ids are changed.
    private bool _wantsRewriting;
    private bool _wantsChannel;
    private bool _mayHaveChannel = true;
    private bool _isCounting;
    private bool _isRewritten;
    private long _lastAnswer;
    private int _streak;
    private int _strayFaults;
    private IShortcutEvents? _events;

    public FastPath(IShortcutHost thread, CallSites sites, FastPollers? pollers, LeaseBudget leases)
    {
        (_thread, _sites, _pollers, _leases) = (thread, sites, pollers, leases);
        _setup = new FastSetup(thread, sites);
        thread.Space.Hook = FastWindow.Hook;
    }

    /// <summary>Null until the thread has a page.</summary>
    private FastChannel? Channel { get; set; }

    IShortcutEvents IChannelOwner.Events => _events!;

    public bool MayReadFiles => Channel is not null;

    public bool IsWanted => _wantsChannel || _wantsRewriting;

    public void Attach(IShortcutEvents events) => _events = events;

    public void Continue() => Channel!.Continue();

    public IFileLease? OfferFile(int descriptor) => Channel?.Leases.Offer(descriptor);

    public void BeforeSleep() => FastPoller.BeforeSleep();

    public bool TryTakeNotification(in SeccompNotification notification)
    {
        if (Channel is { } channel)
            return channel.OnNotification(notification);
        _thread.Own(notification.Id);
        return false;
    }

    public void OnTaken(int number) => OfferIds(number);

    public void Abandon() => Channel?.Abandon();

    public void Close() => Channel?.Leases.Close();

    public bool IsOwnDescriptor(ulong number) => number == FastLayout.Descriptor;

    public bool IsOwnGsBase(ulong gsBase) =>
        Channel is not null && gsBase == FastLayout.BaseOf(FastLayout.PageOf(_thread.Slot));

    public void BeforeClone() => Channel?.Release();

    public HostCommand ClearGsBase() => FastSetup.ClearBase();

    public HostCommand RestoreGsBase() => FastSetup.SetBase(FastLayout.PageOf(_thread.Slot));

    public bool TryMapIn(ref SignalContext frame, out bool hasStoppedCopy)
    {
        hasStoppedCopy = false;
        if (!FastLayout.IsInTable(frame.Rip))
            return false;
        hasStoppedCopy = _sites.MapIn(ref frame, new FrameOwner(_sites, _thread.Space, Channel?.Page, _events));
        return true;
    }

    public ulong MapOut(ulong instructionPointer)
    {
        if (!_sites.TryMapOut(instructionPointer, out RewrittenCall call, out ulong mapped))
            return instructionPointer;
        // Other code may lie there by now.
        return _thread.Space.TryRead(call.Address, out uint code) && CallSite.IsJump(code)
            ? mapped
            : instructionPointer;
    }

    public IThreadShortcuts ForThread(IShortcutHost child) => new FastPath(child, _sites, _pollers, _leases);

    public IThreadShortcuts ForFork(IShortcutHost child) => new FastPath(child, _sites.Fork(), _pollers, _leases);

    public void OnNotified(ref SyscallArguments call)
    {
        ulong caller = call.InstructionPointer;
        _isRewritten = FastLayout.IsInTable(caller);
        if (_isRewritten)
            call.InstructionPointer = _sites.Original(caller);
        else if (!FastCalls.Contains(call.Number))
            return;
        OfferIds(call.Number);
        Count();
        if (_isRewritten || !_sites.IsHot(caller) || !_setup.CanRewrite(caller))
            return;
        (_wantsRewriting, _wantsChannel) = (true, _streak >= StreakCalls && Channel is null && _mayHaveChannel);
    }

    public void OnPosted()
    {
        _isRewritten = true;
        Count();
    }

    public void OnAnswer()
    {
        if (!_isCounting)
            return;
        _isCounting = false;
        bool isAgain = _pollers is { IsPaying: true } && Channel is { WasServedRecently: true };
        if (_isRewritten && _streak >= (isAgain ? AgainCalls : StreakCalls))
            OnStreak();
        _lastAnswer = Stopwatch.GetTimestamp();
    }

    /// <summary>The thread makes a call. If it asks for an id, it is to know all of them from now on.</summary>
    private void OfferIds(int number)
    {
        if (!FastCalls.IsAnswered(number) || Channel is null || _events!.Ids is not { } ids)
            return;
        lock (_idsLock)
            Channel.Page.SetIds(ids);
        Interlocked.MemoryBarrier();
        if (_events.Ids != ids)
            WithdrawAnswers(); // Whoever changed them meanwhile may have come before the lines above.
    }

    public void WithdrawAnswers()
    {
        lock (_idsLock)
            Channel?.Page.ClearIds();
        Channel?.Leases.EndAll();
    }

    public void OnFault(bool hasPage)
    {
        if (!hasPage && ++_strayFaults == MaxStrayFaults)
            _setup.TurnOff();
    }

    public void AtDoorbell(bool hasGsBase)
    {
        if (!IsWanted)
            return;
        (bool wantsRewriting, bool wantsChannel) = (_wantsRewriting, _wantsChannel);
        (_wantsRewriting, _wantsChannel) = (false, false);
        if (wantsRewriting)
            _setup.Rewrite();
        if (!wantsChannel || Channel is not null || _events is null)
            return;
        Channel = _setup.MakeChannel(hasGsBase, this, _leases, _pollers);
        _mayHaveChannel = Channel is not null;
    }

    private void Count()
    {
        _isCounting = true;
        long gap = Stopwatch.GetTimestamp() - _lastAnswer;
        _streak = gap < FastPollers.LongestGap ? _streak + 1 : 0;
        _pollers?.AddGap(gap);
    }

    private void OnStreak()
    {
        _streak = 0;
        if (Channel is null)
            _wantsChannel = _mayHaveChannel;
        else if (_pollers is { IsReady: true })
            Channel.TryOffer();
    }
}
