using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Shortcuts;
using Sandbox.Sentry.Kernel.Signals;

namespace Sandbox.Sentry.Kernel.Tasks;

/// <summary>How threads and processes end (exit(2), exit_group(2), fatal signals).</summary>
internal static class TaskExit
{
    /// <summary>
    /// Ends the calling task; its process too if it is the last. Own thread, or after its host thread is gone.
    /// </summary>
    public static GuestAction Run(Task task)
    {
        if (task.Trace is not null && !task.IsExited)
        {
            int status = task.Group.IsExiting ? task.Group.ExitStatus : task.ExitStatus;
            Ptrace.TraceStops.OnEvent(task, Ptrace.TraceOptions.Exit, Ptrace.TraceEvent.Exit, (ulong)status);
        }

        using (task.Kernel.Tree.Enter())
        {
            if (task.IsExited)
                return GuestAction.Exit;
            task.IsExited = true;
            if (task.Group.IsExiting)
                task.ExitStatus = task.Group.ExitStatus;
        }

        if (task.Sleeper.IsDeferred)
            Deferral.End(task);
        ReleaseMemory(task);
        task.Files.RemoveUser();
        task.Fs.Release();
        LeaveGroup(task);
        return GuestAction.Exit;
    }

    /// <summary>Makes the whole process exit with a wait status. With Tree held; the first status counts.</summary>
    public static void BeginGroupExit(ThreadGroup group, int waitStatus)
    {
        if (group.IsExiting)
            return;
        group.IsExiting = true;
        group.ExitStatus = waitStatus;
        if (MayKillAtOnce(group))
            group.Tasks[0].GuestMemory.Space.Kill();
        KillThreads(group, except: null);
    }

    /// <summary>
    /// True if guest code of the process runs and nobody needs anything of its memory any more: other processes have no
    /// part in it, so no futex of a dying owner is left behind. The end then depends on nothing that the guest does;
    /// otherwise its threads are called in, and the platform kills the memory of those that do not come.
    /// With Tree held.
    /// </summary>
    private static bool MayKillAtOnce(ThreadGroup group)
    {
        if (group.Tasks.Count == 0)
            return false;
        GuestMemory memory = group.Tasks[0].GuestMemory;
        bool runs = false;
        foreach (Task task in group.Tasks)
        {
            if (task.GuestMemory != memory || task.Trace is not null)
                return false;
            runs |= !task.Thread.IsStandingStill;
        }

        return runs && !memory.HasSharedMappings && memory.Users <= group.Tasks.Count;
    }

    /// <summary>Sends every thread but one to its end. With Tree held.</summary>
    public static void KillThreads(ThreadGroup group, Task? except)
    {
        foreach (Task task in group.Tasks)
        {
            if (task == except)
                continue;
            task.Notify();
            task.Sleeper.Parker.Wake(); // Also those that wait uninterruptibly: stopped, or a vfork's parent.
        }
    }

    /// <summary>Lets a vfork parent go on: the child has its own memory now, or is gone.</summary>
    public static void ReleaseVforkParent(Task task)
    {
        if (task.VforkParent is not { } parent)
            return;
        task.VforkParent = null;
        parent.Sleeper.Parker.Wake();
    }

    // What the thread still has to do in its own memory, then the memory itself.
    private static void ReleaseMemory(Task task)
    {
        GuestMemory memory = task.GuestMemory;
        if (memory.Owner != task.Group)
            CpuTime.SettleThread(task);
        ThreadExitMemory.Release(task);
        ReleaseVforkParent(task);
        if (memory.Owner == task.Group && memory.RemoveOwnerThread())
            CpuTime.SettleOwner(task);
        if (!memory.RemoveUser())
            return;
        long peak = HostStatus.PeakResidentKibibytes(memory.Space);
        task.Group.PeakResident = Math.Max(task.Group.PeakResident, peak == 0 ? memory.Space.Usage.MaxResident : peak);
        memory.Space.Kill();
    }

    private static void LeaveGroup(Task task)
    {
        ThreadGroup group = task.Group;
        bool isLast;
        using (group.Kernel.Tree.Enter())
        {
            bool isUnwaited = Ptrace.TraceLinks.OnExit(task);
            group.Tasks.Remove(task);
            task.Kernel.TaskCount--;
            task.Namespaces.Container.TaskCount--;
            isLast = group.Tasks.Count == 0;
            if (task != group.Leader && !isUnwaited)
                ReleaseId(task);
            if (isLast)
                group.ExitStatus = group.IsExiting ? group.ExitStatus : group.Leader.ExitStatus;
            else if (group.ExecutingTask is { } executing)
                executing.Sleeper.Parker.Wake();
            SignalQueues.Discard(task);
            GroupStop.OnThreadExit(group);
        }

        if (isLast)
            ProcessExit.Run(group);
    }

    /// <summary>Frees the id of a thread that is not its process's leader. With Tree held.</summary>
    public static void ReleaseId(Task task)
    {
        task.Id.Task = null;
        if (!task.Id.IsInUse)
            PidNamespace.Release(task.Id);
    }
}
