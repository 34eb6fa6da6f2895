using Sandbox.Linux;
using Sandbox.Sentry.Memory;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>How many signals are queued for one user (RLIMIT_SIGPENDING). Guarded by the kernel's Tree lock.</summary>
internal sealed class SignalQuota
{
    public int Queued { get; set; }
}

/// <summary>
/// A queue of pending signals: standard signals once each, real-time ones in order. Guarded by the kernel's Tree lock.
/// </summary>
internal sealed class PendingSignals
{
    private readonly record struct Entry(SignalInfo Info, SignalQuota? Quota, MemoryAccount? Account);

    private static readonly SignalSet _synchronous = SignalSet.Of(Signal.Segment) | SignalSet.Of(Signal.Bus)
        | SignalSet.Of(Signal.IllegalInstruction) | SignalSet.Of(Signal.Trap) | SignalSet.Of(Signal.FloatingPoint)
        | SignalSet.Of(Signal.BadSystemCall);

    // One queue per signal number, both made at first use, so that a long queue of one signal costs the others nothing.
    private Queue<Entry>?[]? _queues;

    /// <summary>Which signals are pending.</summary>
    public SignalSet Set { get; private set; }

    /// <summary>How many are queued (SigQ of /proc/PID/status).</summary>
    public int Count { get; private set; }

    /// <summary>Queues a signal; a standard signal that is pending already is merged. False if it was merged.</summary>
    /// <param name="info">The signal.</param>
    /// <param name="quota">Whose count it adds to, or null for none.</param>
    /// <param name="account">Who was charged for it, to be given back when it leaves; or null.</param>
    public bool Add(in SignalInfo info, SignalQuota? quota = null, MemoryAccount? account = null)
    {
        Signal signal = info.Signal;
        if (signal < Signal.FirstRealTime && Set.Has(signal))
            return false;
        _queues ??= new Queue<Entry>?[(int)Signal.Last + 1];
        Queue<Entry> queue = _queues[(int)signal] ??= new Queue<Entry>(1);
        queue.Enqueue(new Entry(info, quota, account));
        Count++;
        if (quota is not null)
            quota.Queued++;
        Set |= SignalSet.Of(signal);
        return true;
    }

    /// <summary>Marks a signal pending without its details: what is left when the queue is full.</summary>
    public void AddWithoutInfo(Signal signal) => Set |= SignalSet.Of(signal);

    /// <summary>
    /// Takes the next signal of <paramref name="wanted"/>: synchronous faults first, then by number, oldest first.
    /// </summary>
    public bool TryTake(SignalSet wanted, out SignalInfo info)
    {
        SignalSet candidates = Set & wanted;
        if (candidates.IsEmpty)
        {
            info = default;
            return false;
        }

        if (!(candidates & _synchronous).IsEmpty)
            candidates &= _synchronous;
        Signal signal = candidates.Lowest;
        Queue<Entry>? queue = _queues?[(int)signal];
        if (queue is null || !queue.TryDequeue(out Entry entry))
        {
            Set &= ~SignalSet.Of(signal);
            info = new SignalInfo { Number = (int)signal, Code = SignalInfo.CodeUser };
            return true;
        }

        Release(entry);
        if (queue.Count == 0)
            Set &= ~SignalSet.Of(signal);
        info = entry.Info;
        return true;
    }

    /// <summary>Drops all of a set (SIGCONT discards stops and the other way round; ignoring discards).</summary>
    public void Discard(SignalSet signals)
    {
        SignalSet left = Set & signals;
        while (!left.IsEmpty)
        {
            Signal signal = left.Lowest;
            if (_queues?[(int)signal] is { } queue)
            {
                while (queue.TryDequeue(out Entry entry))
                    Release(entry);
            }

            left &= ~SignalSet.Of(signal);
        }

        Set &= ~signals;
    }

    /// <summary>
    /// Changes the queued signal of a POSIX timer in place, if it is still pending. False if it is not.
    /// </summary>
    public bool HasTimer(Signal signal, int timerId)
    {
        if (!Set.Has(signal) || _queues?[(int)signal] is not { } queue)
            return false;
        foreach (Entry entry in queue)
        {
            if (entry.Info.Code == SignalInfo.CodeTimer && entry.Info.TimerId == timerId)
                return true;
        }

        return false;
    }

    private void Release(in Entry entry)
    {
        Count--;
        entry.Account?.ReturnObject(ObjectCost.QueuedSignal);
        if (entry.Quota is not null)
            entry.Quota.Queued--;
    }
}
