
namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>Sends signals: queues them, applies stop and continue side effects, wakes who must look (signal(7)).</summary>
internal static class SignalSender
{
    /// <summary>To one thread. With Tree held.</summary>
    public static void SendToTask(Task target, in SignalInfo info)
    {
        target.Pending.Add(info);
        target.Notify();
    }

    /// <summary>To a process: some thread that does not block it takes it. With Tree held.</summary>
    public static void SendToGroup(ThreadGroup target, in SignalInfo info)
    {
        target.Pending.Add(info);
        foreach (Task task in target.Tasks)
            task.Notify();
    }
}
