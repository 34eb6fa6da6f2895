using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Syscalls;

/// <summary>Process ids, process groups and sessions (getpid(2), setpgid(2), setsid(2)).</summary>
internal static class IdSyscalls
{
    public static SyscallResult GetPid(Task task) => task.Group.Id.In(task.PidNamespace);

    public static SyscallResult GetTid(Task task) => task.Id.In(task.PidNamespace);

    public static SyscallResult GetParentPid(Task task)
    {
        using (task.Kernel.Tree.Enter())
            return task.Group.Parent?.Id.In(task.PidNamespace) ?? 0;
    }

    public static SyscallResult GetProcessGroup(Task task)
    {
        using (task.Kernel.Tree.Enter())
            return task.Group.ProcessGroup.Id.In(task.PidNamespace);
    }

    public static SyscallResult GetProcessGroupOf(Task task, int pid)
    {
        using (task.Kernel.Tree.Enter())
            return Find(task, pid) is { } group ? group.ProcessGroup.Id.In(task.PidNamespace) : Errno.ESRCH;
    }

    public static SyscallResult GetSession(Task task, int pid)
    {
        using (task.Kernel.Tree.Enter())
            return Find(task, pid) is { } group ? group.Session.Id.In(task.PidNamespace) : Errno.ESRCH;
    }

    /// <summary>setsid(2): EPERM for a process group leader.</summary>
    public static SyscallResult SetSession(Task task)
    {
        using RankedLock.Scope _ = task.Kernel.Tree.Enter();
        ThreadGroup group = task.Group;
        if (group.Id.ProcessGroup is not null || group.Id.Session is not null)
            return Errno.EPERM;
        ProcessExit.LeaveProcessGroup(group);
        JoinNewSession(group);
        return group.Id.In(task.PidNamespace);
    }

    /// <summary>setpgid(2).</summary>
    public static SyscallResult SetProcessGroup(Task task, int pid, int processGroup)
    {
        if (processGroup < 0)
            return Errno.EINVAL;
        using RankedLock.Scope _ = task.Kernel.Tree.Enter();
        if (Find(task, pid) is not { } target || target.IsZombie)
            return Errno.ESRCH;
        if (target != task.Group)
        {
            if (target.Parent != task.Group)
                return Errno.ESRCH;
            if (target.Session != task.Group.Session)
                return Errno.EPERM;
            if (target.HasExecuted)
                return Errno.EACCES;
        }

        if (target.Session.Leader == target)
            return Errno.EPERM;
        Pid? id = processGroup == 0 ? target.Id : task.PidNamespace.Find(processGroup);
        if (id is null)
            return Errno.EPERM;
        if (id.ProcessGroup is { } existing)
        {
            if (existing.Session != target.Session)
                return Errno.EPERM;
            Move(target, existing);
            return 0;
        }

        if (id != target.Id)
            return Errno.EPERM;
        ProcessGroup created = new(id, target.Session);
        id.ProcessGroup = created;
        created.Session.Groups.Add(created);
        Move(target, created);
        return 0;
    }

    /// <summary>
    /// Makes a process the leader of a new session and group. With Tree held; it belongs to no group.
    /// </summary>
    internal static void JoinNewSession(ThreadGroup group)
    {
        Session session = new(group.Id) { Leader = group };
        ProcessGroup processGroup = new(group.Id, session);
        session.Groups.Add(processGroup);
        group.Id.Session = session;
        group.Id.ProcessGroup = processGroup;
        processGroup.Members.Add(group);
        group.ProcessGroup = processGroup;
    }

    private static void Move(ThreadGroup target, ProcessGroup destination)
    {
        if (target.ProcessGroup == destination)
            return;
        ProcessExit.LeaveProcessGroup(target);
        destination.Members.Add(target);
        target.ProcessGroup = destination;
    }

    private static ThreadGroup? Find(Task task, int pid) =>
        pid == 0 ? task.Group : task.PidNamespace.Find(pid) is { } id ? id.Task?.Group ?? id.ThreadGroup : null;
}
