using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.Containers;

/// <summary>
/// Holds all tasks of a container where they are, without the host's freezer: a thread that runs guest code is brought
/// in, one that sleeps in a call sleeps on, and none goes back to its guest before the container is resumed.
/// Only the end gets through.
/// </summary>
internal static class ContainerPause
{
    /// <summary>
    /// From now on no task of the container starts to run guest code. <see cref="IsComplete"/> says when none runs any
    /// more. False if it is paused already.
    /// </summary>
    public static bool Begin(Kernel kernel, Container container)
    {
        using RankedLock.Scope _ = kernel.Tree.Enter();
        if (container.IsPaused)
            return false;
        container.IsPaused = true;
        foreach (KeyValuePair<int, Pid> entry in kernel.RootPids.Pids)
        {
            if (TaskOf(entry.Value, container) is { } task)
                task.NotifyOnReturn();
        }

        return true;
    }

    /// <summary>
    /// True if every task stands still: it waits here, or in a call that does not go back to the guest.
    /// </summary>
    public static bool IsComplete(Kernel kernel, Container container)
    {
        using RankedLock.Scope _ = kernel.Tree.Enter();
        foreach (KeyValuePair<int, Pid> entry in kernel.RootPids.Pids)
        {
            if (TaskOf(entry.Value, container) is { } task && !task.Thread.IsStandingStill)
                return false;
        }

        return true;
    }

    /// <summary>The deadline is over: who still runs guest code loses its memory.</summary>
    public static void KillThoseThatRun(Kernel kernel, Container container)
    {
        using RankedLock.Scope _ = kernel.Tree.Enter();
        foreach (KeyValuePair<int, Pid> entry in kernel.RootPids.Pids)
        {
            if (TaskOf(entry.Value, container) is { } task && !task.Thread.IsStandingStill)
                task.GuestMemory.Space.Kill();
        }
    }

    /// <summary>Lets the tasks go on. False if it is not paused.</summary>
    public static bool End(Kernel kernel, Container container)
    {
        using RankedLock.Scope _ = kernel.Tree.Enter();
        if (!container.IsPaused)
            return false;
        container.IsPaused = false;
        foreach (KeyValuePair<int, Pid> entry in kernel.RootPids.Pids)
        {
            if (TaskOf(entry.Value, container) is { IsHeld: true } task)
                task.Sleeper.Parker.Wake();
        }

        return true;
    }

    /// <summary>The calling thread waits here while its container is paused. Own thread, without Tree.</summary>
    public static void Hold(Task task)
    {
        using (task.Kernel.Tree.Enter())
        {
            if (!MustHold(task))
                return;
            task.Sleeper.Parker.Reset();
            task.IsHeld = true;
        }

        while (true)
        {
            task.Sleeper.Parker.ParkUninterruptibly(Deadline.Never);
            using RankedLock.Scope _ = task.Kernel.Tree.Enter();
            if (MustHold(task))
                continue;
            task.IsHeld = false;
            return;
        }
    }

    /// <summary>True if the task is to wait in <see cref="Hold"/>: an exit is not held up. With Tree held.</summary>
    public static bool MustHold(Task task) =>
        task.Namespaces.Container.IsPaused && !task.Group.IsExiting
        && (task.Group.ExecutingTask is not { } executing || executing == task);

    private static Task? TaskOf(Pid pid, Container container) =>
        pid.Task is { IsExited: false } task && task.Namespaces.Container == container ? task : null;
}
