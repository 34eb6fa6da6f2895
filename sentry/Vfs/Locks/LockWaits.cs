using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// Which owner of POSIX locks waits for which other:
/// a waiter that would close a circle gets EDEADLK instead (fcntl(2)).
/// </summary>
internal static class LockWaits
{
    private const int MaxChain = 64;
    private static readonly RankedLock _lock = new(LockRank.Leaf);
    private static readonly Dictionary<object, object> _waitsFor = []; // Guarded by _lock.

    /// <summary>Records a wait, which <see cref="End"/> takes back. False if it would never end.</summary>
    public static bool Begin(object waiter, object holder)
    {
        using (_lock.Enter())
        {
            object current = holder;
            for (int i = 0; i < MaxChain; i++)
            {
                if (current == waiter)
                    return false;
                if (!_waitsFor.TryGetValue(current, out object? next))
                    break;
                current = next;
            }

            _waitsFor[waiter] = holder;
            return true;
        }
    }

    public static void End(object waiter)
    {
        using (_lock.Enter())
            _waitsFor.Remove(waiter);
    }
}
