using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Kernel.Timers;

namespace Sandbox.Sentry.Kernel.Processes;

/// <summary>
/// What the end of a process means for others: parent, children, group, session, namespace, container.
/// </summary>
internal static class ProcessExit
{
    /// <summary>The last thread is gone. Without locks.</summary>
    public static void Run(ThreadGroup group)
    {
        ControllingTerminal? terminal = null;
        Container container = group.Leader.Namespaces.Container;
        bool isContainerInit;
        ThreadGroup? parent;
        ProcessTimers.Release(group);
        group.RunExitActions();
        using (group.Kernel.Tree.Enter())
        {
            if (group.Session.Leader == group)
                terminal = LeaveSession(group);
            if (group.IsNamespaceInit)
                EndNamespace(group);
            List<ProcessGroup> affected = ReparentChildren(group);
            group.IsZombie = true;
            foreach (ProcessGroup orphan in affected)
                ContinueIfOrphaned(orphan);
            if (group.Parent is not null)
                ContinueIfNewlyOrphaned(group);
            isContainerInit = container.Init == group;
            if (isContainerInit && !group.IsNamespaceInit)
                EndContainer(container, group.Kernel);
            parent = group.Parent;
            Announce(group);
        }

        terminal?.Disassociate();
        group.ExitWaiters.Notify(PollEvents.Readable);
        parent?.ChildWaiters.Notify(PollEvents.Readable);
        if (isContainerInit)
        {
            container.HasEnded = true;
            container.LeaveMounts();
            container.Memory.Changed?.Invoke(); // Its limiter sees the end.
            group.Kernel.ContainerExited?.Invoke(container, group.ExitStatus);
        }

        group.Kernel.ProcessExited?.Invoke(group, group.ExitStatus);
    }

    /// <summary>
    /// Tells who is to wait for a process that it has ended, once it is waitable: its main thread's tracer, else its
    /// parent. Reaps it if there is nobody. With Tree held.
    /// </summary>
    public static void Announce(ThreadGroup group)
    {
        if (!group.IsWaitable)
            return;
        if (group.Leader.Trace is { } trace)
            Ptrace.TraceLinks.OnProcessExit(group, trace);
        else if (group.Parent is null || SignalSender.NotifyParentOfExit(group))
            Reap(group);
    }

    /// <summary>Frees a zombie's ids and takes it out of the tree. With Tree held.</summary>
    public static void Reap(ThreadGroup group)
    {
        if (group.IsReaped)
            return;
        group.IsReaped = true;
        Ptrace.TraceLinks.Unlink(group.Leader, Signal.None);
        if (group.Parent is { } parent)
        {
            parent.Children.Remove(group);
            parent.ChildrenPeakResident = Math.Max(
                parent.ChildrenPeakResident, Math.Max(group.PeakResident, group.ChildrenPeakResident));
            (long user, long system) = group.TotalTime();
            parent.ChildrenUserTime += user + group.ChildrenUserTime;
            parent.ChildrenSystemTime += system + group.ChildrenSystemTime;
        }

        LeaveProcessGroup(group);
        group.Id.Task = null;
        group.Id.ThreadGroup = null;
        if (!group.Id.IsInUse)
            PidNamespace.Release(group.Id);
    }

    /// <summary>Takes a process out of its process group, which ends with its last member. With Tree held.</summary>
    public static void LeaveProcessGroup(ThreadGroup group)
    {
        ProcessGroup old = group.ProcessGroup;
        old.Members.Remove(group);
        if (old.Members.Count != 0)
            return;
        old.Session.Groups.Remove(old);
        if (old.Session.Terminal is { } terminal && terminal.Foreground == old)
            terminal.Foreground = null;
        old.Id.ProcessGroup = null;
        if (old.Session.Groups.Count == 0)
        {
            old.Session.Id.Session = null;
            ReleaseIfUnused(old.Session.Id);
        }

        ReleaseIfUnused(old.Id);
    }

    private static void ReleaseIfUnused(Pid id)
    {
        if (!id.IsInUse)
            PidNamespace.Release(id);
    }

    // setsid(2), credentials(7): the foreground group gets SIGHUP when the session leader goes.
    private static ControllingTerminal? LeaveSession(ThreadGroup group)
    {
        Session session = group.Session;
        session.Leader = null;
        if (session.Terminal is not { } terminal)
            return null;
        if (terminal.Foreground is { } foreground)
        {
            SignalSender.SendToProcessGroup(foreground, SignalInfo.FromKernel(Signal.HangUp));
            SignalSender.SendToProcessGroup(foreground, SignalInfo.FromKernel(Signal.Continue));
        }

        session.Terminal = null;
        terminal.Session = null;
        terminal.Foreground = null;
        return terminal;
    }

    // pid_namespaces(7): when init ends, the kernel kills every process of the namespace.
    private static void EndNamespace(ThreadGroup group)
    {
        PidNamespace pids = group.Id.Namespace;
        pids.IsDead = true;
        foreach (KeyValuePair<int, Pid> entry in pids.Pids)
        {
            if (entry.Value.ThreadGroup is { } member && member != group)
                TaskExit.BeginGroupExit(member, (int)Signal.Kill);
        }
    }

    // A container of a shared pid namespace ends with its first process as one of its own namespace does.
    private static void EndContainer(Container container, Kernel kernel)
    {
        foreach (KeyValuePair<int, Pid> entry in kernel.RootPids.Pids)
        {
            if (entry.Value.ThreadGroup is { IsZombie: false } member
                && member.Leader.Namespaces.Container == container)
                TaskExit.BeginGroupExit(member, (int)Signal.Kill);
        }
    }

    // The nearest living subreaper, else the namespace's init (prctl(2), PR_SET_CHILD_SUBREAPER).
    private static ThreadGroup? FindReaper(ThreadGroup group)
    {
        for (ThreadGroup? ancestor = group.Parent; ancestor is not null; ancestor = ancestor.Parent)
        {
            if (ancestor.IsChildSubreaper && !ancestor.IsZombie && ancestor.Id.Namespace == group.Id.Namespace)
                return ancestor;
        }

        ThreadGroup? init = group.Id.Namespace.Init;
        return init is not null && init != group && !init.IsZombie ? init : null;
    }

    private static List<ProcessGroup> ReparentChildren(ThreadGroup group)
    {
        List<ProcessGroup> affected = [];
        if (group.Children.Count == 0)
            return affected;
        ThreadGroup? reaper = FindReaper(group);
        foreach (ThreadGroup child in group.Children.ToArray())
        {
            if (!affected.Contains(child.ProcessGroup) && child.ProcessGroup != group.ProcessGroup)
                affected.Add(child.ProcessGroup);
            child.Parent = reaper;
            child.ExitSignal = child.ExitSignal == Signal.None ? Signal.None : Signal.Child;
            reaper?.Children.Add(child);
            SendParentDeathSignal(child);
            if (child.Leader.Trace is null)
                Announce(child);
        }

        group.Children.Clear();
        return affected;
    }

    private static void SendParentDeathSignal(ThreadGroup child)
    {
        foreach (Task task in child.Tasks)
        {
            if (task.ParentDeathSignal != Signal.None)
                SignalSender.SendToGroup(child, SignalInfo.FromKernel(task.ParentDeathSignal));
        }
    }

    private static void ContinueIfNewlyOrphaned(ThreadGroup group)
    {
        ThreadGroup parent = group.Parent!;
        if (parent.ProcessGroup != group.ProcessGroup && parent.Session == group.Session)
            ContinueIfOrphaned(group.ProcessGroup, ignoring: group);
    }

    // POSIX: a newly orphaned group with a stopped member gets SIGHUP and SIGCONT.
    private static void ContinueIfOrphaned(ProcessGroup processGroup, ThreadGroup? ignoring = null)
    {
        if (!processGroup.IsOrphaned(ignoring))
            return;
        foreach (ThreadGroup member in processGroup.Members)
        {
            if (member.StopSignal == Signal.None || member.IsZombie)
                continue;
            SignalSender.SendToProcessGroup(processGroup, SignalInfo.FromKernel(Signal.HangUp));
            SignalSender.SendToProcessGroup(processGroup, SignalInfo.FromKernel(Signal.Continue));
            return;
        }
    }
}
