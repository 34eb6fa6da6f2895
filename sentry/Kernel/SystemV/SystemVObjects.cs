using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.SystemV;

/// <summary>
/// The System V objects of an IPC namespace (sysvipc(7)). One lock for all: what is done under it is short.
/// </summary>
internal sealed class SystemVObjects
{
    /// <summary>
    /// Defaults of Linux (proc(5), /proc/sys/kernel), except that objects in the Sentry's own memory are fewer.
    /// </summary>
    public const int MaxSegments = 4096, MaxSets = 4096, MaxQueues = 1024;
    public const int MaxSemaphoresInSet = 32000, MaxOperations = 500, MaxSemaphoreValue = 32767;
    public const int MaxMessageBytes = 8192, MaxQueueBytes = 16384;

    /// <summary>Semaphores in the whole sandbox: they are the Sentry's memory.</summary>
    public const int MaxSemaphores = 1 << 20;

    /// <summary>The largest segment: as much as an address space holds.</summary>
    public const ulong MaxSegmentBytes = 1ul << 46;

    /// <summary>Semaphores in use in all namespaces.</summary>
    public static int SemaphoreCount;

    public SystemVObjects(Security.UserNamespace owner)
    {
        Owner = owner;
        (Segments, Sets, Queues) = (new(MaxSegments, owner), new(MaxSets, owner), new(MaxQueues, owner));
    }

    public Security.UserNamespace Owner { get; }

    public RankedLock Lock { get; } = new(LockRank.Leaf);

    public IpcTable<SharedSegment> Segments { get; }

    public IpcTable<SemaphoreSet> Sets { get; }

    public IpcTable<MessageQueue> Queues { get; }

    /// <summary>Those of a namespace, made at first use.</summary>
    public static SystemVObjects Of(IpcNamespace ipc)
    {
        if (ipc.SystemV is { } made)
            return made;
        SystemVObjects fresh = new(ipc.Owner);
        return Interlocked.CompareExchange(ref ipc.SystemV, fresh, null) ?? fresh;
    }
}
