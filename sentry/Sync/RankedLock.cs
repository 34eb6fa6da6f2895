using System.Diagnostics;

namespace Sandbox.Sentry.Sync;

/// <summary>
/// A lock with a place in the <see cref="LockRank"/> order; debug builds check the order on every entry.
/// </summary>
internal sealed class RankedLock(LockRank rank)
{
    [ThreadStatic]
    private static int _heldRanks; // One bit per rank.

    private readonly Lock _lock = new();
    private readonly int _bit = 1 << (int)rank;

    /// <summary>True if this thread holds any: for assertions.</summary>
    public static bool IsAnyHeld => _heldRanks != 0;

    /// <summary>True if this thread holds the lock: for assertions.</summary>
    public bool IsHeld => _lock.IsHeldByCurrentThread;

    /// <summary>Takes the lock until the scope is disposed.</summary>
    public Scope Enter()
    {
        AssertNothingHeldFrom(_bit);
        _lock.Enter();
        int before = _heldRanks;
        _heldRanks = before | _bit;
        return new Scope(_lock, before);
    }

    /// <summary>
    /// Takes a second lock of a rank that is already held, where the caller knows an order among them.
    /// </summary>
    public Scope EnterNested()
    {
        AssertNothingHeldFrom(_bit << 1);
        _lock.Enter();
        int before = _heldRanks;
        _heldRanks = before | _bit;
        return new Scope(_lock, before);
    }

    [Conditional("DEBUG")]
    private void AssertNothingHeldFrom(int bit) =>
        Debug.Assert(_heldRanks < bit, $"{rank} taken out of order: held ranks are 0b{_heldRanks:b}");

    /// <summary>Holds the lock until it is disposed.</summary>
    public readonly ref struct Scope(Lock held, int before)
    {
        public void Dispose()
        {
            _heldRanks = before;
            held.Exit();
        }
    }
}
