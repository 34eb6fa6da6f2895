using Sandbox.Linux;

namespace Sandbox.Sentry.Memory;

/// <summary>
/// A charge for something that nobody takes down: filters that tasks share, what a namespace held. It goes back when
/// the collector finds that its owner is gone, which is why this has a finalizer.
/// </summary>
internal sealed class CollectedCharge(MemoryAccount account)
{
    private const long ReclaimInterval = 1_000_000_000, ReserveBytes = 256 << 10;

    private static long _nextReclaim; // CLOCK_MONOTONIC, nanoseconds.
    private long _bytes;

    ~CollectedCharge() => Return();

    /// <summary>
    /// Charges for something more. False (ENOMEM) if it does not fit even after a look at what is gone. Without locks.
    /// </summary>
    public bool TryAdd(long bytes) => TryAddQuietly(bytes) || (Reclaim() && TryAddQuietly(bytes));

    /// <summary>As <see cref="TryAdd"/>, with locks held.</summary>
    public bool TryAddQuietly(long bytes)
    {
        if (!account.TryCharge(MemoryKind.Objects, bytes))
            return false;
        Interlocked.Add(ref _bytes, bytes);
        return true;
    }

    /// <summary>Nothing more fits that is not needed.</summary>
    public bool IsFull => account.FreeObjectBytes < ReserveBytes;

    /// <summary>Charges for what is there already.</summary>
    public void Add(long bytes)
    {
        account.Charge(MemoryKind.Objects, bytes);
        Interlocked.Add(ref _bytes, bytes);
    }

    /// <summary>Gives some of it back.</summary>
    public void Remove(long bytes)
    {
        Interlocked.Add(ref _bytes, -bytes);
        account.Return(MemoryKind.Objects, bytes);
    }

    /// <summary>Gives all of it back; what follows is charged anew.</summary>
    public void Return() => account.Return(MemoryKind.Objects, Interlocked.Exchange(ref _bytes, 0));

    /// <summary>
    /// Has the collector look for what is gone, for who would otherwise be refused, and waits until that is given back.
    /// True: it is worth another try. Without locks but those of directories and files.
    /// </summary>
    public static bool Reclaim()
    {
        Look();
        GC.WaitForPendingFinalizers();
        return true;
    }

    /// <summary>
    /// Has the collector look for what is gone, so that it is given back a little later. At most once a second: it
    /// stops everybody for a moment. With any locks held.
    /// </summary>
    public static void Look()
    {
        long now = HostClock.Now(HostClock.Monotonic), due = Volatile.Read(ref _nextReclaim);
        if (now >= due && Interlocked.CompareExchange(ref _nextReclaim, now + ReclaimInterval, due) == due)
            GC.Collect();
    }
}
