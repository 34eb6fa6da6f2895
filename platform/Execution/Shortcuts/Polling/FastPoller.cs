using System.Diagnostics;
using System.Runtime.Intrinsics.X86;
using Sandbox.Linux;

namespace Sandbox.Platform.Shortcuts.Polling;

/// <summary>
/// A host thread that looks at the pages of guest threads which call often, and runs their handlers, and those of
/// deferred calls. It sleeps as soon as none of them has called for some microseconds, and when it finds that it has no
/// processor for itself.
/// </summary>
internal sealed class FastPoller
{
    private const int StackBytes = 256 << 10;

    /// <summary>
    /// The shortest the host knows: what it costs this thread to yield is a slice, if others want the processor.
    /// </summary>
    private const long SliceNanoseconds = 100_000;

    private static readonly long _yieldTicks = Stopwatch.Frequency * 4 / 1_000_000;
    private static readonly long _idleTicks = Stopwatch.Frequency * 200 / 1_000_000;
    private static readonly long _graceTicks = Stopwatch.Frequency * 100 / 1_000_000;

    /// <summary>
    /// A pause between two looks, with nothing to do, that means that other threads had this processor.
    /// </summary>
    private static readonly long _quietTicks = Stopwatch.Frequency * 4 / 1_000_000;
    private static readonly long _holdTicks = Stopwatch.Frequency * 50 / 1_000_000;
    private static readonly long _stuckTicks = Stopwatch.Frequency * 50 / 1_000_000;

    private const int MaxRecent = 8;
    private const int HasWork = 1, IsAsleep = 2; // Bits of the alarm's word.

    [ThreadStatic]
    private static FastPoller? _mine;

    private readonly FastPollers _pollers;
    private readonly object _lock = new();
    private readonly HostFutex _alarm = new();

    // Guarded by _lock.
    private readonly List<FastChannel> _offered = [];
    private readonly Queue<FastChannel> _continued = [];
    private bool _isBlocked;

    // Only its own thread's: what it looks at, and what it looked at last.
    private readonly List<FastChannel> _channels = [];
    private readonly List<FastChannel> _recent = [];
    private FastChannel? _serving; // Only its own thread's.
    private long _turnStarted;
    private long _heldSince; // When the first of the deferred calls here could go on; 0 if none can.
    private int _threadId;

    /// <summary>Where it ran when it went to sleep.</summary>
    private int _processor = -1;

    /// <summary>
    /// Where the guest thread runs that was offered last: its receiver's synchronous answers keep both on one.
    /// </summary>
    private int _guestProcessor = -1;

    public FastPoller(FastPollers pollers) => _pollers = pollers;

    /// <summary>False: EAGAIN, the host has no room for its thread.</summary>
    public bool TryStart() => HostThread.TryStart("poller", StackBytes, Run);

    /// <summary>
    /// True if this poller sleeps in a handler, or has been in one for long: other guests cannot wait for it.
    /// </summary>
    public bool IsStuck => Volatile.Read(ref _isBlocked)
        || (Volatile.Read(ref _turnStarted) is long started && started != 0
        && Stopwatch.GetTimestamp() - started > _stuckTicks);

    /// <summary>
    /// Gives this poller a channel to look at, until it drops it. False if the poller sleeps in a handler.
    /// </summary>
    public bool TryOffer(FastChannel channel)
    {
        lock (_lock)
        {
            if (_isBlocked)
                return false;
            _offered.Add(channel);
        }

        if (_mine != this)
            Volatile.Write(ref _guestProcessor, HostProcessors.Current());
        Wake();
        return true;
    }

    /// <summary>
    /// Has this poller go on with a call that was left waiting. False if the poller sleeps in a handler.
    /// </summary>
    public bool TryContinue(FastChannel channel)
    {
        lock (_lock)
        {
            if (_isBlocked)
                return false;
            _continued.Enqueue(channel);
        }

        Wake();
        return true;
    }

    /// <summary>
    /// A handler is about to sleep: if the calling thread is a poller, others do the rest of its work.
    /// </summary>
    public static void BeforeSleep() => _mine?.HandOver();

    /// <summary>
    /// The host would often wake this thread where the guest runs, and each would keep the other from running.
    /// </summary>
    private void Wake()
    {
        if ((Interlocked.Or(ref _alarm.Word, HasWork) & IsAsleep) == 0)
            return;
        int processor = HostProcessors.Current();
        if (processor == Volatile.Read(ref _processor) && processor >= 0)
            HostProcessors.Avoid(_threadId, processor);
        _alarm.Wake();
    }

    private void Run()
    {
        _mine = this;
        _threadId = (int)HostSyscall.Call(Sys.gettid);
        HostProcessors.SetSlice(SliceNanoseconds);
        while (true)
        {
            while (Interlocked.CompareExchange(ref _alarm.Word, IsAsleep, 0) == 0)
            {
                _alarm.Wait(IsAsleep, long.MaxValue);
                Interlocked.And(ref _alarm.Word, ~IsAsleep);
            }

            Poll();
            Volatile.Write(ref _processor, HostProcessors.Current());
            Volatile.Write(ref _turnStarted, 0);
        }
    }

    /// <summary>Looks at the pages and runs handlers until no guest calls any more.</summary>
    private void Poll()
    {
        long last = Stopwatch.GetTimestamp(), lastServed = last, nextYield = _yieldTicks;
        FastSession session = new(_pollers, last);
        bool hasPolled = false;
        do
        {
            Volatile.Write(ref _turnStarted, last);
            bool hasServed = false;
            if ((Volatile.Read(ref _alarm.Word) & HasWork) != 0)
                Accept(last);
            if (_heldSince != 0 && !MustHold(last, lastServed))
                hasServed = RunContinued();
            long seen = last;
            for (int i = 0; i < _channels.Count; i++)
            {
                FastChannel channel = _serving = _channels[i];
                if (!channel.TryServe())
                    continue;
                session.OnServed(channel.LastServed, seen);
                channel.LastServed = seen = Stopwatch.GetTimestamp();
                hasServed = true;
            }

            if (_isBlocked)
                EndBlock();
            hasPolled |= _channels.Count > 0;
            long now = Stopwatch.GetTimestamp();
            if (hasServed)
            {
                (last, lastServed, nextYield) = (now, now, _yieldTicks);
                continue;
            }

            session.OnIdle(now - last, IsCrowded);
            last = now;
            Drop(session.IsLosing(now) ? long.MaxValue : now - _idleTicks);
            if (now - lastServed > nextYield)
            {
                nextYield *= 2;
                last = Yield();
                session.OnYielded(last - now);
            }
            else
            {
                X86Base.Pause();
            }
        }
        while (_channels.Count > 0 || _heldSince != 0 || (Volatile.Read(ref _alarm.Word) & HasWork) != 0);
        if (hasPolled)
            _pollers.OnSession(session.Gain - _idleTicks);
    }

    /// <summary>Guests run that would have this thread's processor if it did not look at pages.</summary>
    private bool IsCrowded => _channels.Count >= HostProcessors.Count && CountActive() >= HostProcessors.Count;

    /// <summary>
    /// Nothing to do: a receiver that the host put on this processor, perhaps the very one that the guests wait for,
    /// would otherwise wait for long. Gives the time.
    /// </summary>
    private static long Yield()
    {
        HostSyscall.Call(Sys.sched_yield);
        return Stopwatch.GetTimestamp();
    }

    /// <summary>Takes in the channels and calls that other threads have left for this one.</summary>
    private void Accept(long now)
    {
        Interlocked.And(ref _alarm.Word, ~HasWork);
        lock (_lock)
        {
            if (_offered.Count > 0)
                BeginPolling(now);
            if (_continued.Count > 0 && _heldSince == 0)
                _heldSince = now;
        }
    }

    /// <summary>
    /// As long as the processors left to the guests are busy, one that is woken only takes the place of another, a
    /// thread switch for each event. A little later there is more for it to find.
    /// </summary>
    private bool MustHold(long now, long lastServed)
    {
        if (now - lastServed > _quietTicks || now - _heldSince > _holdTicks)
            return false;
        return CountActive() >= HostProcessors.Count - 1;
    }

    /// <summary>Guests that do not wait for an answer that takes long.</summary>
    private int CountActive()
    {
        int active = 0;
        foreach (FastChannel channel in _channels)
            active += channel.IsDeferred ? 0 : 1;
        return active;
    }

    /// <summary>Runs the handlers of deferred calls that can go on. True if there were any.</summary>
    private bool RunContinued()
    {
        _heldSince = 0;
        bool hasRun = false;
        while (true)
        {
            FastChannel? continued;
            lock (_lock)
            {
                if (!_continued.TryDequeue(out continued))
                    return hasRun;
            }

            hasRun = true;
            _serving = continued;
            continued.RunContinued();
            continued.LastServed = Stopwatch.GetTimestamp();
            if (_isBlocked)
                EndBlock();
            if (_pollers.IsReady)
                continued.TryOffer();
        }
    }

    /// <summary>
    /// Looks at what was offered, and at the guests that called often together with these a moment ago: they would have
    /// this thread's processor meanwhile. With _lock held.
    /// </summary>
    private void BeginPolling(long now)
    {
        if (_channels.Count == 0)
        {
            _processor = LeaveGuest();
            foreach (FastChannel channel in _recent)
            {
                if (channel.WasServedRecently && channel.TryReserve())
                    _offered.Add(channel);
            }
        }

        foreach (FastChannel channel in _offered)
        {
            channel.LastServed = now + _graceTicks;
            channel.BeginPolling(_processor);
            _channels.Add(channel);
            _recent.Remove(channel);
        }

        _offered.Clear();
    }

    /// <summary>Moves to another processor than the guest's. Gives the one that this thread is on.</summary>
    private int LeaveGuest()
    {
        int processor = HostProcessors.Current();
        if (processor != Volatile.Read(ref _guestProcessor))
            return processor;
        HostProcessors.Avoid(_threadId, processor);
        return HostProcessors.Current();
    }

    /// <summary>
    /// Looks no longer at those that have not called since <paramref name="since"/>. Guests that wait stay as long as
    /// others call, which may be what they wait for.
    /// </summary>
    private void Drop(long since)
    {
        bool hasActive = false;
        foreach (FastChannel channel in _channels)
            hasActive |= channel.LastServed > since;
        for (int i = _channels.Count - 1; i >= 0; i--)
        {
            FastChannel channel = _channels[i];
            if (channel.LastServed > since || (hasActive && channel.IsDeferred))
                continue;
            channel.EndPolling();
            _serving = channel;
            channel.TryServe(); // A request that came before it was told.
            if (_channels.Count == 0)
                return; // That one slept, and all were handed over.
            _channels.RemoveAt(i);
            _recent.Add(channel);
            channel.EndOffer();
        }

        if (_channels.Count == 0 && _recent.Count > MaxRecent)
            _recent.RemoveRange(0, _recent.Count - MaxRecent);
    }

    /// <summary>
    /// The handler that this thread runs is going to sleep. Requests that have come or come now are taken by whoever
    /// receives the notification of the sleeping guest.
    /// </summary>
    private void HandOver()
    {
        FastChannel[] continued;
        lock (_lock)
        {
            if (_isBlocked)
                return;
            _isBlocked = true;
            continued = [.. _continued];
            _continued.Clear();
            _channels.AddRange(_offered);
            _offered.Clear();
        }

        _serving?.BeforeSleep();
        foreach (FastChannel channel in _channels)
        {
            channel.EndPolling();
            channel.EndOffer();
        }

        _channels.Clear();
        foreach (FastChannel channel in continued)
            _pollers.Continue(channel);
    }

    private void EndBlock()
    {
        lock (_lock)
            _isBlocked = false;
    }
}
