using Sandbox.Linux;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Vfs;

/// <summary>A byte range lock as fcntl(2) describes it; <paramref name="End"/> is the last byte, inclusive.</summary>
/// <param name="Start">First byte.</param>
/// <param name="End">Last byte; <see cref="long.MaxValue"/> for "to the end, whatever it will be".</param>
/// <param name="IsExclusive">A write lock.</param>
/// <param name="Owner">Whose it is: a descriptor table (POSIX locks) or an open file (OFD locks).</param>
/// <param name="Process">Who to name in F_GETLK: the thread group, or null for OFD locks.</param>
internal readonly record struct RangeLock(long Start, long End, bool IsExclusive, object Owner, object? Process)
{
    public bool Overlaps(in RangeLock other) => Start <= other.End && other.Start <= End;

    public bool ConflictsWith(in RangeLock other) =>
        Owner != other.Owner && (IsExclusive || other.IsExclusive) && Overlaps(other);
}

/// <summary>
/// The locks of one file (<see cref="Inode.Locks"/>): flock(2) locks, which belong to open files, and byte range locks
/// (fcntl(2)). The two kinds do not see each other. Nothing here waits: EAGAIN means wait for <see cref="Waiters"/>.
/// </summary>
internal sealed class FileLocks
{
    /// <summary>A guest cannot have more range locks on one file (ENOLCK).</summary>
    private const int MaxRanges = 16384;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    private readonly List<(OpenFile Owner, bool IsExclusive)> _whole = []; // Guarded by _lock.
    private readonly List<RangeLock> _ranges = []; // Guarded by _lock.

    /// <summary>Told whenever a lock goes or becomes weaker.</summary>
    public WaitQueue Waiters { get; } = new();

    /// <summary>The locks of a file, made at first use.</summary>
    public static FileLocks Of(Inode inode)
    {
        if (inode.Locks is FileLocks locks)
            return locks;
        FileLocks made = new();
        return Interlocked.CompareExchange(ref inode.Locks, made, null) as FileLocks ?? made;
    }

    /// <summary>
    /// POSIX locks: a process closed some descriptor of the file, which drops all its locks (fcntl(2)).
    /// </summary>
    public static void ReleaseOwner(Inode inode, object owner)
    {
        if (inode.Locks is FileLocks locks)
            locks.RemoveRanges(owner);
    }

    /// <summary>The last reference to an open file is gone: its flock and OFD locks with it.</summary>
    public static void ReleaseFile(OpenFile file)
    {
        if (file.Inode.Locks is not FileLocks locks)
            return;
        locks.UnlockWhole(file);
        locks.RemoveRanges(file);
    }

    /// <summary>flock(2), LOCK_SH or LOCK_EX; a lock held already is converted. EAGAIN.</summary>
    public Errno LockWhole(OpenFile owner, bool isExclusive)
    {
        bool isWeaker = false;
        using (_lock.Enter())
        {
            int own = -1;
            for (int i = 0; i < _whole.Count; i++)
            {
                if (_whole[i].Owner == owner)
                    own = i;
                else if (isExclusive || _whole[i].IsExclusive)
                    return Errno.EAGAIN;
            }

            if (own < 0)
            {
                _whole.Add((owner, isExclusive));
            }
            else
            {
                isWeaker = _whole[own].IsExclusive && !isExclusive;
                _whole[own] = (owner, isExclusive);
            }
        }

        if (isWeaker)
            Waiters.Notify(PollEvents.Readable);
        return Errno.Ok;
    }

    /// <summary>flock(2), LOCK_UN.</summary>
    public void UnlockWhole(OpenFile owner)
    {
        bool isGone;
        using (_lock.Enter())
            isGone = _whole.RemoveAll(held => held.Owner == owner) != 0;
        if (isGone)
            Waiters.Notify(PollEvents.Readable);
    }

    /// <summary>F_GETLK: a lock that would keep <paramref name="wanted"/> from being set.</summary>
    public bool FindConflict(in RangeLock wanted, out RangeLock conflict)
    {
        using (_lock.Enter())
            return FindConflictLocked(wanted, out conflict);
    }

    /// <summary>F_SETLK: sets a lock, splitting and joining the owner's own. EAGAIN, ENOLCK.</summary>
    public Errno SetRange(in RangeLock wanted)
    {
        using (_lock.Enter())
        {
            if (FindConflictLocked(wanted, out _))
                return Errno.EAGAIN;
            if (_ranges.Count >= MaxRanges)
                return Errno.ENOLCK;
            CutOut(wanted);
            InsertJoined(wanted);
        }

        Waiters.Notify(PollEvents.Readable); // It may be weaker than what it replaces.
        return Errno.Ok;
    }

    /// <summary>F_UNLCK. ENOLCK if the split would be one too many.</summary>
    public Errno ClearRange(in RangeLock range)
    {
        using (_lock.Enter())
        {
            if (_ranges.Count >= MaxRanges)
                return Errno.ENOLCK;
            CutOut(range);
        }

        Waiters.Notify(PollEvents.Readable);
        return Errno.Ok;
    }

    private void RemoveRanges(object owner)
    {
        bool isGone;
        using (_lock.Enter())
            isGone = _ranges.RemoveAll(held => held.Owner == owner) != 0;
        if (isGone)
            Waiters.Notify(PollEvents.Readable);
    }

    private bool FindConflictLocked(in RangeLock wanted, out RangeLock conflict)
    {
        foreach (RangeLock held in _ranges)
        {
            if (held.ConflictsWith(wanted))
            {
                conflict = held;
                return true;
            }
        }

        conflict = default;
        return false;
    }

    // Takes a range out of what its owner holds; what remains before and behind it stays.
    private void CutOut(in RangeLock range)
    {
        for (int i = _ranges.Count - 1; i >= 0; i--)
        {
            RangeLock held = _ranges[i];
            if (held.Owner != range.Owner || !held.Overlaps(range))
                continue;
            _ranges.RemoveAt(i);
            if (held.Start < range.Start)
                _ranges.Add(held with { End = range.Start - 1 });
            if (held.End > range.End)
                _ranges.Add(held with { Start = range.End + 1 });
        }
    }

    private void InsertJoined(RangeLock range)
    {
        for (int i = _ranges.Count - 1; i >= 0; i--)
        {
            RangeLock held = _ranges[i];
            bool isSameKind = held.Owner == range.Owner && held.IsExclusive == range.IsExclusive;
            if (isSameKind && held.End != long.MaxValue && held.End + 1 == range.Start)
                range = range with { Start = held.Start };
            else if (isSameKind && range.End != long.MaxValue && range.End + 1 == held.Start)
                range = range with { End = held.End };
            else
                continue;
            _ranges.RemoveAt(i);
        }

        _ranges.Add(range);
    }
}
