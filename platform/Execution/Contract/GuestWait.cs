using System.Diagnostics;

namespace Sandbox.Platform;

/// <summary>
/// The rule for waits for something that a guest has to do: the waiter holds no lock that others need, there is a
/// deadline, and who misses it loses its address space. Each such wait begins here.
/// </summary>
public static class GuestWait
{
    /// <summary>
    /// True if the calling thread holds a lock under which nobody may wait for a guest. Asked in debug builds.
    /// </summary>
    public static Func<bool>? HoldsLocks { get; set; }

    /// <summary>Debug builds stop here if the caller holds such a lock.</summary>
    [Conditional("DEBUG")]
    internal static void Begin() =>
        Debug.Assert(HoldsLocks?.Invoke() != true, "a wait for a guest begins while a lock is held that others need");
}
