
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

    /// <summary>To every process of a group. With Tree held.</summary>
    public static void SendToProcessGroup(ProcessGroup target, in SignalInfo info)
    {
        foreach (ThreadGroup member in target.Members)
            SendToGroup(member, info);
    }

    /// <summary>
    /// Tells the parent of a zombie. True if the parent does not want to know (SIGCHLD ignored, SA_NOCLDWAIT): reap it at once.
    /// With Tree held.
    /// </summary>
    public static bool NotifyParentOfExit(ThreadGroup child)
    {
        SendToGroup(child.Parent!, SignalInfo.FromKernel(Linux.Signal.Child));
        return false;
    }
}
