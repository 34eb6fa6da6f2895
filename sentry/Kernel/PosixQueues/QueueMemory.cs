using Sandbox.Sentry.Memory;

namespace Sandbox.Sentry.Kernel.PosixQueues;

/// <summary>
/// What all queues of the sandbox together take of the Sentry's memory. RLIMIT_MSGQUEUE bounds a user, but who has the
/// right raises it, and users there may be many.
/// </summary>
internal static class QueueMemory
{
    /// <summary>Bytes of messages, with what each costs beside its text.</summary>
    public const long MaxBytes = 64L << 20;

    /// <summary>Queues; an empty one is a kilobyte or so.</summary>
    public const int MaxQueues = 1 << 14;

    // Also an empty message is an entry of a table.
    private const int OverheadBytes = 64;

    private static long _bytes;
    private static int _queues;

    /// <summary>False (ENOMEM) if there are too many messages.</summary>
    public static bool TryTake(int textBytes)
    {
        long cost = CostOf(textBytes);
        if (Interlocked.Add(ref _bytes, cost) > MaxBytes)
        {
            Interlocked.Add(ref _bytes, -cost);
            return false;
        }

        MemoryAccount.Sandbox.Charge(MemoryKind.Objects, cost);
        return true;
    }

    /// <summary>What a message costs, bytes.</summary>
    public static long CostOf(int textBytes) => textBytes + OverheadBytes;

    /// <summary>Gives back what messages cost.</summary>
    public static void Return(long cost)
    {
        Interlocked.Add(ref _bytes, -cost);
        MemoryAccount.Sandbox.Return(MemoryKind.Objects, cost);
    }

    /// <summary>False (ENOSPC) if there are too many queues.</summary>
    public static bool TryAddQueue()
    {
        if (Interlocked.Increment(ref _queues) <= MaxQueues)
            return true;
        RemoveQueue();
        return false;
    }

    /// <summary>A queue is gone.</summary>
    public static void RemoveQueue() => Interlocked.Decrement(ref _queues);
}
