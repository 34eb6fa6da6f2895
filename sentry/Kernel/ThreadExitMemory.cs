using Sandbox.Linux;

namespace Sandbox.Sentry.Kernel;

/// <summary>What an ending thread leaves in memory that others still use: robust futexes, and the cleared thread id.</summary>
internal static class ThreadExitMemory
{
    public static void Release(Task task)
    {
        if (task.ClearChildTid.IsNull)
            return;
        // set_tid_address(2): faults are ignored.
        _ = task.Memory.Write(new UserPtr<int>(task.ClearChildTid), 0);
        task.ClearChildTid = default;
    }
}
