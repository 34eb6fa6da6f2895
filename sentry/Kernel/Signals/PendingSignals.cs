using Sandbox.Linux;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>A queue of pending signals: standard signals once each, real-time ones in order. Guarded by the kernel's Tree lock.</summary>
internal sealed class PendingSignals
{
    private readonly List<SignalInfo> _queue = [];

    /// <summary>Which signals are pending.</summary>
    public SignalSet Set { get; private set; }

    /// <summary>How many are queued (SigQ of /proc/PID/status).</summary>
    public int Count => _queue.Count;

    /// <summary>Queues a signal; a standard signal that is pending already is merged. False if it was merged.</summary>
    public bool Add(in SignalInfo info)
    {
        Signal signal = info.Signal;
        if (signal < Signal.FirstRealTime && Set.Has(signal))
            return false;
        _queue.Add(info);
        Set |= SignalSet.Of(signal);
        return true;
    }

    /// <summary>Takes the next signal of <paramref name="wanted"/>: synchronous faults first, then by number, oldest first.</summary>
    public bool TryTake(SignalSet wanted, out SignalInfo info)
    {
        int best = -1;
        if (!(Set & wanted).IsEmpty)
        {
            for (int index = 0; index < _queue.Count; index++)
            {
                if (wanted.Has(_queue[index].Signal) && (best < 0 || _queue[index].Number < _queue[best].Number))
                    best = index;
            }
        }

        if (best < 0)
        {
            info = default;
            return false;
        }

        info = _queue[best];
        _queue.RemoveAt(best);
        Recompute(info.Signal);
        return true;
    }

    /// <summary>Drops all of a set (SIGCONT discards stops and the other way round; ignoring discards).</summary>
    public void Discard(SignalSet signals)
    {
        _queue.RemoveAll(info => signals.Has(info.Signal));
        Set &= ~signals;
    }

    private void Recompute(Signal removed)
    {
        foreach (SignalInfo info in _queue)
        {
            if (info.Signal == removed)
                return;
        }

        Set &= ~SignalSet.Of(removed);
    }
}
