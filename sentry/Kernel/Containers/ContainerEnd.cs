using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.Containers;

/// <summary>The end of all processes of a container, which nothing that they do may put off.</summary>
internal static class ContainerEnd
{
    /// <summary>True if it has no process left but zombies.</summary>
    public static bool IsOver(Kernel kernel, Container container)
    {
        using RankedLock.Scope _ = kernel.Tree.Enter();
        return ContainerProcesses.Of(kernel, container).Count == 0;
    }

    /// <summary>
    /// Kills its processes; with <paramref name="isOverdue"/> whatever memory they have, even where others share it.
    /// </summary>
    public static void Kill(Kernel kernel, Container container, bool isOverdue)
    {
        using RankedLock.Scope _ = kernel.Tree.Enter();
        foreach (ThreadGroup group in ContainerProcesses.Of(kernel, container))
        {
            TaskExit.BeginGroupExit(group, (int)Signal.Kill);
            if (!isOverdue)
                continue;
            foreach (Task task in group.Tasks)
                task.GuestMemory.Space.Kill();
        }
    }
}
