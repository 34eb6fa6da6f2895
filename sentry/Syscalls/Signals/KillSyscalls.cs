using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Syscalls;

/// <summary>Sending signals: kill(2), tkill(2), tgkill(2), rt_sigqueueinfo(2), rt_tgsigqueueinfo(2).</summary>
internal static class KillSyscalls
{
    public static SyscallResult Kill(Task task, int target, int number)
    {
        if ((uint)number > (uint)Signal.Last)
            return Errno.EINVAL;
        using (task.Kernel.Tree.Enter())
        {
            return target switch
            {
                > 0 => ToProcess(task, target, number),
                0 => ToProcessGroup(task, task.Group.ProcessGroup, number),
                -1 => ToEverybody(task, number),
                int.MinValue => Errno.ESRCH,
                _ => task.PidNamespace.Find(-target)?.ProcessGroup is { } group
                    ? ToProcessGroup(task, group, number)
                    : Errno.ESRCH,
            };
        }
    }

    public static SyscallResult ThreadKill(Task task, int threadId, int number) => ToThread(task, 0, threadId, number);

    public static SyscallResult ThreadGroupKill(Task task, int groupId, int threadId, int number) =>
        groupId <= 0 ? Errno.EINVAL : ToThread(task, groupId, threadId, number);

    public static SyscallResult QueueInfo(Task task, int target, int number, UserPtr<SignalInfo> pointer)
    {
        if (ReadInfo(task, number, pointer, out SignalInfo info) is not Errno.Ok and Errno error)
            return error;
        using (task.Kernel.Tree.Enter())
        {
            if (Find(task, target) is not { } found)
                return Errno.ESRCH;
            if (!MayForge(info) && found.Group != task.Group)
                return Errno.EPERM;
            return Send(task, found.Group, null, info);
        }
    }

    public static SyscallResult ThreadQueueInfo(
        Task task, int groupId, int threadId, int number, UserPtr<SignalInfo> pointer)
    {
        if (groupId <= 0 || threadId <= 0)
            return Errno.EINVAL;
        if (ReadInfo(task, number, pointer, out SignalInfo info) is not Errno.Ok and Errno error)
            return error;
        using (task.Kernel.Tree.Enter())
        {
            if (FindThread(task, groupId, threadId) is not { } found)
                return Errno.ESRCH;
            if (!MayForge(info) && found.Group != task.Group)
                return Errno.EPERM;
            return Send(task, found.Group, found, info);
        }
    }

    private static Errno ReadInfo(Task task, int number, UserPtr<SignalInfo> pointer, out SignalInfo info)
    {
        if (task.Memory.Read(pointer, out info) is not Errno.Ok and Errno error)
            return error;
        info.Number = number;
        return (uint)number > (uint)Signal.Last ? Errno.EINVAL : Errno.Ok;
    }

    // The codes only the kernel and tgkill may use towards others.
    private static bool MayForge(in SignalInfo info) => info.Code is < 0 and not SignalInfo.CodeTgkill;

    /// <summary>The process of a pid, or of any of its threads' ids, as Linux allows. With Tree held.</summary>
    private static (ThreadGroup Group, Pid Id)? Find(Task task, int number)
    {
        if (task.PidNamespace.Find(number) is not { } id)
            return null;
        return (id.ThreadGroup ?? id.Task?.Group) is { } group ? (group, id) : null;
    }

    private static Task? FindThread(Task task, int groupId, int threadId)
    {
        if (task.PidNamespace.Find(threadId)?.Task is not { IsExited: false } found)
            return null;
        return groupId == 0 || found.Group.Id.In(task.PidNamespace) == groupId ? found : null;
    }

    private static Errno ToProcess(Task task, int target, int number) =>
        Find(task, target) is { } found ? Send(task, found.Group, null, UserInfo(number)) : Errno.ESRCH;

    private static Errno ToProcessGroup(Task task, ProcessGroup group, int number)
    {
        Errno result = Errno.ESRCH;
        bool hasSucceeded = false;

        // A copy: a signal may end the last member that stands still.
        foreach (ThreadGroup member in group.Members.ToArray())
        {
            if (member.Id.In(task.PidNamespace) == 0)
                continue;
            result = Send(task, member, null, UserInfo(number));
            hasSucceeded |= result == Errno.Ok;
        }

        return hasSucceeded ? Errno.Ok : result;
    }

    // Everything the caller sees but PID 1 and itself; being denied does not count as a failure.
    private static Errno ToEverybody(Task task, int number)
    {
        int count = 0;
        Errno result = Errno.Ok;
        foreach (KeyValuePair<int, Pid> entry in task.PidNamespace.Pids)
        {
            if (entry.Key == 1 || entry.Value.ThreadGroup is not { } group || group == task.Group)
                continue;
            count++;
            if (Send(task, group, null, UserInfo(number)) is not (Errno.Ok or Errno.EPERM) and Errno error)
                result = error;
        }

        return count == 0 ? Errno.ESRCH : result;
    }

    private static Errno ToThread(Task task, int groupId, int threadId, int number)
    {
        if (threadId <= 0 || (uint)number > (uint)Signal.Last)
            return Errno.EINVAL;
        SignalInfo info = UserInfo(number);
        info.Code = SignalInfo.CodeTgkill;
        using (task.Kernel.Tree.Enter())
        {
            return FindThread(task, groupId, threadId) is { } target
                ? Send(task, target.Group, target, info)
                : Errno.ESRCH;
        }
    }

    private static SignalInfo UserInfo(int number) => new() { Number = number, Code = SignalInfo.CodeUser };

    /// <summary>
    /// Checks, signs and sends; number 0 only checks. A negative si_code was filled in by the guest itself.
    /// </summary>
    internal static Errno Send(Task task, ThreadGroup group, Task? thread, SignalInfo info)
    {
        if (SignalPermission.Check(task, group, info.Signal) is not Errno.Ok and Errno error)
            return error;
        if (info.Number == 0)
            return Errno.Ok;
        if (info.Code is SignalInfo.CodeUser or SignalInfo.CodeTgkill)
        {
            info.SenderPid = task.Group.Id.In(group.Id.Namespace);
            info.SenderUserId = group.Leader.Credentials.UserNamespace.UserFromKernel(task.Credentials.UserId);
        }

        return thread is null
            ? SignalSender.SendToGroup(group, in info, task)
            : SignalSender.SendToTask(thread, in info, task);
    }
}
