using Sandbox.Platform;

namespace Sandbox.Sentry.Kernel;

/// <summary>How threads and processes end (exit(2), exit_group(2), fatal signals).</summary>
internal static class TaskExit
{
    /// <summary>Ends the calling task; its process too if it is the last. Own thread.</summary>
    public static GuestAction Run(Task task) => GuestAction.Exit;

    /// <summary>Makes the whole process exit with a wait status. With Tree held; the first status counts.</summary>
    public static void BeginGroupExit(ThreadGroup group, int waitStatus)
    {
        if (group.IsExiting)
            return;
        group.IsExiting = true;
        group.ExitStatus = waitStatus;
        foreach (Task task in group.Tasks)
            task.Notify();
    }
}
