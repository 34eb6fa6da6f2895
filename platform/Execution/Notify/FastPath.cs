using System.Diagnostics;
using Sandbox.Platform.Stub;

namespace Sandbox.Platform.Notify;

/// <summary>
/// How one guest thread comes onto the fast path: a place that it calls from often is rewritten, calls from there in quick
/// succession get it a page, and then somebody who looks at it. Only the thread's current owner uses it.
/// </summary>
internal sealed class FastPath(GuestThread thread, CommandRunner runner, FastPollers pollers)
{
    private const int StreakCalls = 8;

    private static readonly long _streakTicks = Stopwatch.Frequency * 30 / 1_000_000;

    private readonly FastSetup _setup = new(thread, runner);
    private bool _wantsRewriting;
    private bool _wantsChannel;
    private bool _mayHaveChannel = true;
    private bool _isCounting;
    private bool _isRewritten;
    private long _lastCall;
    private long _lastAnswer;
    private int _streak;

    /// <summary>Null until the thread has a page.</summary>
    public FastChannel? Channel { get; private set; }

    /// <summary>The thread is to be brought in, for something has to be done with its full state.</summary>
    public bool IsWanted => _wantsChannel || _wantsRewriting;

    /// <summary>A call was notified. Where it came from a rewritten place, it is told as if from the original.</summary>
    public void OnNotified(ref SyscallArguments call)
    {
        ulong caller = call.InstructionPointer;
        _isRewritten = FastLayout.IsInTable(caller);
        if (_isRewritten)
            call.InstructionPointer = thread.Space.Sites.Original(caller);
        else if (!FastCalls.Contains(call.Number))
            return;
        _isCounting = true;
        long now = Stopwatch.GetTimestamp();
        _streak = now - _lastAnswer < _streakTicks ? _streak + 1 : 0;
        if (_streak != 0)
            pollers.AddInterval(now - _lastCall);
        _lastCall = now;
        if (_isRewritten || !thread.Space.Sites.IsHot(caller) || !pollers.IsReady || !_setup.CanRewrite(caller))
            return;
        (_wantsRewriting, _wantsChannel) = (true, _streak >= StreakCalls && Channel is null && _mayHaveChannel);
    }

    /// <summary>A notified call is about to be answered: what the guest does from here to its next call is its own time.</summary>
    public void OnAnswer()
    {
        if (!_isCounting)
            return;
        _isCounting = false;
        if (_isRewritten && _streak >= StreakCalls)
            OnStreak();
        _lastAnswer = Stopwatch.GetTimestamp();
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
        if (!wantsChannel || Channel is not null)
            return;
        Channel = _setup.MakeChannel(context.Registers.GsBase != 0);
        _mayHaveChannel = Channel is not null;
    }

    private void OnStreak()
    {
        _streak = 0;
        if (!pollers.IsReady)
            return;
        if (Channel is FastChannel channel)
            channel.TryOffer(pollers);
        else
            _wantsChannel = _mayHaveChannel;
    }
}
