using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// All leases of the sandbox. Whoever changes what a file contains or its attributes says so here, afterwards and, where threads
/// could see the change before, also before; while nobody has a lease of the file it costs one read.
/// </summary>
internal static class ReadLeases
{
    private static ReadLease? _first; // Guarded by Lock.

    /// <summary>Guards the list and the leases. Only the platform's own locks are taken while it is held.</summary>
    public static RankedLock Lock { get; } = new(LockRank.Leaf);

    /// <summary>A lease begins: from now on it hears of changes.</summary>
    public static void Add(ReadLease lease)
    {
        using (Lock.Enter())
        {
            lease.Next = _first;
            if (_first is not null)
                _first.Previous = lease;
            _first = lease;
            lease.Inode.CountLeases(1);
        }
    }

    /// <summary>A lease is over; nothing happens if it was before.</summary>
    public static void End(ReadLease lease)
    {
        using (Lock.Enter())
        {
            if (lease.IsOver)
                return;
            lease.End();
            lease.Inode.CountLeases(-1);
            if (lease.Previous is null)
                _first = lease.Next;
            else
                lease.Previous.Next = lease.Next;
            if (lease.Next is not null)
                lease.Next.Previous = lease.Previous;
            lease.Next = lease.Previous = null;
        }
    }

    /// <summary>Something about the file has changed or is about to. When this returns nobody reads it without the Sentry.</summary>
    public static void Recall(Inode inode)
    {
        if (inode.HasLeases)
            RecallWhere(inode);
    }

    /// <summary>From now on somebody wants to hear of reads.</summary>
    public static void RecallAll() => RecallWhere(null);

    private static void RecallWhere(Inode? inode)
    {
        using (Lock.Enter())
        {
            for (ReadLease? lease = _first; lease is not null; lease = lease.Next)
            {
                if (inode is null || lease.Inode == inode)
                    lease.Recall();
            }
        }
    }
}
