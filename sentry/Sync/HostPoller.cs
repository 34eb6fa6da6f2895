using System.Collections.Concurrent;
using Sandbox.Linux;

namespace Sandbox.Sentry.Sync;

/// <summary>Told when a host descriptor may have become ready. Called on the poller's thread; must not block.</summary>
internal interface IHostReadiness
{
    void OnHostReady(PollEvents events);
}

/// <summary>
/// The one thread that watches host descriptors (stdio, the console) and passes their readiness on to wait queues;
/// started when the first descriptor is registered. Edge-triggered: an event says "try again".
/// </summary>
internal static class HostPoller
{
    private const int EventsAtOnce = 32, StackBytes = 256 << 10;
    private static readonly Lock _lock = new();
    private static readonly ConcurrentDictionary<ulong, IHostReadiness> _targets = new();
    private static int _epoll = -1; // Guarded by _lock until set.
    private static long _lastId;

    /// <summary>
    /// Watches a descriptor until <see cref="Remove"/>; gives the id to remove it by. EPERM if it is always ready.
    /// </summary>
    public static Result<ulong> Add(int fd, IHostReadiness target, PollEvents events = PollEvents.In | PollEvents.Out)
    {
        if (Start() is not Errno.Ok and Errno refused)
            return refused;
        ulong id = (ulong)Interlocked.Increment(ref _lastId);
        _targets[id] = target;
        Errno error = HostEpoll.Add(_epoll, fd, events | PollEvents.ReadHangUp | PollEvents.EdgeTriggered, id);
        if (error == Errno.Ok)
            return id;
        _targets.TryRemove(id, out _);
        return error;
    }

    /// <summary>Stops watching. An event already on its way may still arrive.</summary>
    public static void Remove(int fd, ulong id)
    {
        HostEpoll.Remove(_epoll, fd);
        _targets.TryRemove(id, out _);
    }

    private static Errno Start()
    {
        lock (_lock)
        {
            if (_epoll >= 0)
                return Errno.Ok;
            if (HostEpoll.Create().Failed(out int epoll, out Errno error))
                return error;
            _epoll = epoll;
            if (HostThread.TryStart("host poller", StackBytes, Run))
                return Errno.Ok;
            HostFile.Close(_epoll);
            _epoll = -1;
            return Errno.EAGAIN;
        }
    }

    private static void Tell(IHostReadiness target, PollEvents events)
    {
        try
        {
            target.OnHostReady(events);
        }
        catch (Exception exception)
        {
            HostThread.Report("host poller", exception); // It is one file's; all others go on.
        }
    }

    private static void Run()
    {
        HostEpollEvent[] events = new HostEpollEvent[EventsAtOnce];
        while (true)
        {
            if (HostEpoll.Wait(_epoll, events, -1).Failed(out int count, out _))
                return;
            for (int index = 0; index < count; index++)
            {
                if (_targets.TryGetValue(events[index].Data, out IHostReadiness? target))
                    Tell(target, events[index].Events);
            }
        }
    }
}
