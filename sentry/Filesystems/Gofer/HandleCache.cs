using System.Diagnostics;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>
/// Keeps the handles of all inodes within what the Gofer can hold open. An inode that loses its handle gets a new one
/// by a walk when it needs one, so only inodes without a place in the tree (roots, removed files) must keep theirs.
/// </summary>
/// <remarks>
/// A handle that is dropped is given back only a moment later:
/// another thread may have read its number and be about to send it.
/// </remarks>
internal sealed class HandleCache(GoferClient client)
{
    private static readonly long _graceTicks = Stopwatch.Frequency / 4;

    private readonly RankedLock _lock = new(LockRank.Leaf);

    // Guarded by _lock.
    // In the order of acquiring; with some that lost theirs meanwhile.
    private readonly Queue<GoferInode> _holders = new();
    private readonly Queue<(uint Handle, long Ticks)> _dropped = new();
    private int _limit = 48;
    private int _live;

    /// <summary>Handles that inodes hold, for tests and counters.</summary>
    public int LiveCount => Volatile.Read(ref _live);

    /// <summary>Leaves the server a quarter for handles that are dropped, but not given back.</summary>
    public void SetServerLimit(uint handlesMax)
    {
        using (_lock.Enter())
            _limit = (int)Math.Min(handlesMax, int.MaxValue) / 4 * 3;
    }

    /// <summary>An inode got a handle; others may lose theirs.</summary>
    public void Added(GoferInode inode)
    {
        using (_lock.Enter())
        {
            _live++;
            Enqueue(inode);
            // What lost its handle in other ways leaves the queue when half of it is such.
            int tries = _live > _limit || _holders.Count > (2 * _live) + 64 ? _holders.Count : 0;
            for (; tries > 0; tries--)
            {
                GoferInode candidate = _holders.Dequeue();
                candidate.IsQueued = false;
                if (!candidate.HasHandle)
                    continue;
                if (_live > _limit && candidate.MayLoseHandle() && candidate.TakeHandle() is > 0 and uint handle)
                    AddDropped(handle);
                else
                    Enqueue(candidate);
            }
        }

        GiveBack(force: false);
    }

    /// <summary>A handle that was taken from its inode.</summary>
    public void Drop(uint handle)
    {
        if (handle == 0)
            return;
        using (_lock.Enter())
            AddDropped(handle);
        GiveBack(force: false);
    }

    /// <summary>Gives all dropped handles back at once: the Gofer has no room left.</summary>
    public void GiveBackAll()
    {
        GiveBack(force: true);
        client.FlushClosed();
    }

    // With _lock held.
    private void Enqueue(GoferInode inode)
    {
        if (inode.IsQueued)
            return;
        inode.IsQueued = true;
        _holders.Enqueue(inode);
    }

    // With _lock held.
    private void AddDropped(uint handle)
    {
        _live--;
        _dropped.Enqueue((handle, Stopwatch.GetTimestamp()));
    }

    private void GiveBack(bool force)
    {
        long now = Stopwatch.GetTimestamp();
        while (true)
        {
            uint handle;
            using (_lock.Enter())
            {
                if (!_dropped.TryPeek(out (uint Handle, long Ticks) first)
                    || (!force && now - first.Ticks < _graceTicks))
                    return;
                handle = _dropped.Dequeue().Handle;
            }

            client.Close(handle); // Outside the lock: it may send a message.
        }
    }
}
