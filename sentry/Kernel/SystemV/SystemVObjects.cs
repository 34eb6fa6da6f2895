using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.SystemV;

/// <summary>
/// The System V objects of an IPC namespace (sysvipc(7)). One lock for all: what is done under it is short.
/// </summary>
internal sealed class SystemVObjects : IExitAction
{
    /// <summary>SEMVMX.</summary>
    public const int MaxSemaphoreValue = 32767;

    private readonly HashSet<ThreadGroup> _creators = []; // Guarded by Lock.

    public SystemVObjects(IpcNamespace space)
    {
        (Owner, Limits) = (space.Owner, space.Limits);
        Segments = new(Limits, IpcLimit.Segments, IpcLimit.NextSegment, Owner);
        Sets = new(Limits, IpcLimit.Sets, IpcLimit.NextSet, Owner);
        Queues = new(Limits, IpcLimit.Queues, IpcLimit.NextQueue, Owner);
    }

    public Security.UserNamespace Owner { get; }

    /// <summary>The namespace's sysctls.</summary>
    public IpcLimits Limits { get; }

    public RankedLock Lock { get; } = new(LockRank.Leaf);

    public IpcTable<SharedSegment> Segments { get; }

    public IpcTable<SemaphoreSet> Sets { get; }

    public IpcTable<MessageQueue> Queues { get; }

    /// <summary>Semaphores of all sets. Guarded by Lock.</summary>
    public int Semaphores { get; set; }

    /// <summary>Pages of all segments. Guarded by Lock.</summary>
    public ulong SegmentPages { get; set; }

    /// <summary>True if segments go with their last attachment or their maker (shm_rmid_forced).</summary>
    public bool RemovesOrphans => Limits[IpcLimit.RemoveOrphans] != 0;

    /// <summary>Those of a namespace, made at first use.</summary>
    public static SystemVObjects Of(IpcNamespace ipc)
    {
        if (ipc.SystemV is { } made)
            return made;
        SystemVObjects fresh = new(ipc);
        return Interlocked.CompareExchange(ref ipc.SystemV, fresh, null) ?? fresh;
    }

    /// <summary>A process made a segment, which is looked at when the process ends. With the lock.</summary>
    public void AddSegment(SharedSegment segment, ThreadGroup creator)
    {
        Segments.Add(segment);
        SegmentPages += segment.Pages;
        if (_creators.Add(creator))
            creator.AddExitAction(this);
    }

    /// <summary>shm_rmid_forced was written: segments of processes that have ended, which nobody has, go.</summary>
    public void RemoveOrphans()
    {
        if (!RemovesOrphans)
            return;
        List<SharedSegment> gone = [];
        using (Lock.Enter())
        {
            foreach (SharedSegment segment in Segments.All)
            {
                if (segment.Attachments == 0 && segment.Maker is null)
                    gone.Add(segment);
            }

            foreach (SharedSegment segment in gone)
                segment.Destroy();
        }

        foreach (SharedSegment segment in gone)
            segment.File.Release();
    }

    /// <summary>A process that made segments has ended. Without locks.</summary>
    void IExitAction.OnExit(ThreadGroup group)
    {
        using (Lock.Enter())
        {
            _creators.Remove(group);
            foreach (SharedSegment segment in Segments.All)
            {
                if (segment.Maker == group)
                    segment.Maker = null;
            }
        }

        RemoveOrphans();
    }
}
