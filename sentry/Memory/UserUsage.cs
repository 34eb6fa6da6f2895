using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Memory;

/// <summary>What a container counts for each of its users.</summary>
internal enum UserResource
{
    /// <summary>Pages that its pipes may hold.</summary>
    PipePages,

    /// <summary>Files in messages that nobody has received yet (SCM_RIGHTS).</summary>
    FilesInFlight,

    /// <summary>inotify instances.</summary>
    InotifyInstances,

    /// <summary>inotify watches.</summary>
    InotifyWatches,

    /// <summary>Files that its epoll instances watch.</summary>
    EpollWatches,

    Count,
}

/// <summary>
/// How much of each resource the users of a container have, by kernel uid. Users without anything take no room.
/// </summary>
internal sealed class UserUsage
{
    private readonly RankedLock _lock = new(LockRank.Leaf);
    private readonly Dictionary<uint, long[]> _users = []; // Guarded by _lock.

    /// <summary>What a user has.</summary>
    public long Get(uint userId, UserResource resource)
    {
        using (_lock.EnterNested())
            return _users.TryGetValue(userId, out long[]? counts) ? counts[(int)resource] : 0;
    }

    /// <summary>
    /// Adds to what a user has; false, and nothing added, if that is then more than <paramref name="limit"/>.
    /// </summary>
    public bool TryTake(uint userId, UserResource resource, long count, long limit)
    {
        using (_lock.EnterNested())
        {
            long[]? counts = _users.GetValueOrDefault(userId);
            if ((counts?[(int)resource] ?? 0) + count > limit)
                return false;
            if (counts is null)
                _users.Add(userId, counts = new long[(int)UserResource.Count]);
            counts[(int)resource] += count;
            return true;
        }
    }

    /// <summary>Adds to what a user has, whatever the limit.</summary>
    public void Charge(uint userId, UserResource resource, long count) =>
        TryTake(userId, resource, count, long.MaxValue);

    /// <summary>Takes off what <see cref="TryTake"/> added.</summary>
    public void Return(uint userId, UserResource resource, long count)
    {
        using (_lock.EnterNested())
        {
            if (!_users.TryGetValue(userId, out long[]? counts))
                return;
            counts[(int)resource] -= count;
            if (!counts.AsSpan().ContainsAnyExcept(0L))
                _users.Remove(userId);
        }
    }
}
