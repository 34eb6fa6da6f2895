using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Futex;

namespace Sandbox.Sentry.Kernel.Tasks;

/// <summary>
/// What an ending thread leaves in memory that others still use: robust futexes, and the cleared thread id.
/// </summary>
internal static class ThreadExitMemory
{
    public static void Release(Task task)
    {
        RobustList.Release(task);
        if (task.ClearChildTid.IsNull || task.GuestMemory.Users == 1)
            return;

        // set_tid_address(2): faults are ignored.
        UserAddress address = task.ClearChildTid;
        task.ClearChildTid = default;
        if (task.Memory.Write(new UserPtr<int>(address), 0) == Errno.Ok)
            task.Kernel.Futexes.WakeAddress(task, address, 1);
    }
}
