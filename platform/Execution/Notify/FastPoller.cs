using System.Diagnostics;
using System.Runtime.Intrinsics.X86;

namespace Sandbox.Platform.Notify;

/// <summary>
/// A host thread that looks at the pages of guest threads which call often, and runs their handlers. It sleeps as soon as
/// none of them has called for some microseconds, and when it finds that it has no processor for itself.
/// </summary>
internal sealed class FastPoller
{
    private const int StackBytes = 256 << 10, MaxChannels = 8;

    /// <summary>As many requests make up for waking this thread.</summary>
    private const int MinServed = 16;

    private static readonly long _idleTicks = Stopwatch.Frequency * 30 / 1_000_000;
    private static readonly long _graceTicks = Stopwatch.Frequency * 150 / 1_000_000;
    private static readonly long _paidTicks = Stopwatch.Frequency * 5 / 1_000_000;
    private static readonly long _gapTicks = Stopwatch.Frequency * 100 / 1_000_000;
    private static readonly long _stuckTicks = Stopwatch.Frequency / 1_000;

    private readonly FastPollers _pollers;
    private readonly object _lock = new();
    private readonly List<FastChannel> _offered = []; // Guarded by _lock.
    private readonly List<FastChannel> _channels = [];
    private bool _hasOffers; // Changed with _lock held.
    private long _turnStarted;

    public FastPoller(FastPollers pollers)
    {
        _pollers = pollers;
        Thread thread = new(Run, StackBytes) { IsBackground = true, Name = "poller" };
        thread.Start();
    }

    /// <summary>It has been in one handler for long, which perhaps blocks: others cannot wait for it.</summary>
    public bool IsStuck =>
        Volatile.Read(ref _turnStarted) is long started && started != 0 && Stopwatch.GetTimestamp() - started > _stuckTicks;

    /// <summary>From now on the channel's listener stays open until it is dropped here.</summary>
    public void Offer(FastChannel channel)
    {
        lock (_lock)
        {
            _offered.Add(channel);
            Volatile.Write(ref _hasOffers, true);
            Monitor.Pulse(_lock);
        }
    }

    private void Run()
    {
        while (true)
        {
            lock (_lock)
            {
                while (!_hasOffers)
                    Monitor.Wait(_lock);
            }
            long start = Stopwatch.GetTimestamp();
            long served = Poll();
            long ticks = Stopwatch.GetTimestamp() - start;
            _pollers.OnSession(served >= MinServed && ticks - _idleTicks < served * _paidTicks);
            Volatile.Write(ref _turnStarted, 0);
        }
    }

    /// <summary>Until nobody calls any more. Gives the number of requests that were served.</summary>
    private long Poll()
    {
        long served = 0;
        long last = Stopwatch.GetTimestamp();
        do
        {
            if (Volatile.Read(ref _hasOffers))
                Accept(last);
            Volatile.Write(ref _turnStarted, last);
            bool hasServed = false;
            foreach (FastChannel channel in _channels)
            {
                if (!channel.TryServe())
                    continue;
                (hasServed, channel.LastServed) = (true, Stopwatch.GetTimestamp());
                served++;
            }
            long now = Stopwatch.GetTimestamp();
            if (!hasServed)
            {
                bool isPreempted = now - last > _gapTicks;
                Drop(isPreempted ? long.MaxValue : now - _idleTicks);
                if (isPreempted)
                    return 0;
                X86Base.Pause();
            }
            last = now;
        }
        while (_channels.Count > 0);
        return served;
    }

    private void Accept(long now)
    {
        lock (_lock)
        {
            _hasOffers = false;
            foreach (FastChannel channel in _offered)
            {
                channel.LastServed = now + _graceTicks;
                channel.SetPolled(true);
                _channels.Add(channel);
            }
            _offered.Clear();
        }
    }

    /// <summary>Looks no longer at those that have not called since <paramref name="since"/>.</summary>
    private void Drop(long since)
    {
        for (int i = _channels.Count - 1; i >= 0; i--)
        {
            FastChannel channel = _channels[i];
            if (channel.LastServed > since)
                continue;
            channel.SetPolled(false);
            channel.TryServe(); // A request that came before it was told.
            _channels.RemoveAt(i);
            channel.EndOffer();
        }
    }
}
