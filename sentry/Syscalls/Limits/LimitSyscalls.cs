using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Kernel.Timers;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Syscalls;

/// <summary>Resource limits and use: getrlimit(2), setrlimit(2), prlimit(2), getrusage(2).</summary>
internal static class LimitSyscalls
{
    private const int Self = 0, Children = -1, Thread = 1;

    /// <summary>/proc/sys/fs/nr_open: no limit of open files may be above it.</summary>
    private const ulong MaxOpenFiles = 1048576;

    public static SyscallResult Get(Task task, uint resource, UserPtr<Limit> result) =>
        resource >= (uint)Resource.Count
            ? Errno.EINVAL
            : task.Memory.Write(result, task.Group.Limits[(Resource)resource]);

    public static SyscallResult Set(Task task, uint resource, UserPtr<Limit> wanted)
    {
        if (task.Memory.Read(wanted, out Limit limit) is not Errno.Ok and Errno error)
            return error;
        return Replace(task, task.Group, resource, limit, out _);
    }

    public static SyscallResult GetAndSet(
        Task task, int pid, uint resource, UserPtr<Limit> wanted, UserPtr<Limit> previous)
    {
        if (resource >= (uint)Resource.Count)
            return Errno.EINVAL;
        Limit limit = default;
        if (!wanted.IsNull && task.Memory.Read(wanted, out limit) is not Errno.Ok and Errno fault)
            return fault;
        if (Find(task, pid).Failed(out ThreadGroup? group, out Errno error))
            return error;
        Limit old = group.Limits[(Resource)resource];
        if (!wanted.IsNull && Replace(task, group, resource, limit, out old) is not Errno.Ok and Errno refused)
            return refused;
        return previous.IsNull ? 0 : task.Memory.Write(previous, old);
    }

    public static SyscallResult Usage(Task task, int who, UserPtr<ResourceUsage> result)
    {
        ThreadGroup group = task.Group;
        CpuTime time;
        switch (who)
        {
            case Self:
                time = CpuTime.OfGroup(group);
                break;
            case Thread:
                time = CpuTime.OfTask(task);
                break;
            case Children:
                using (task.Kernel.Tree.Enter())
                    time = new CpuTime(group.ChildrenUserTime, group.ChildrenSystemTime);
                break;
            default:
                return Errno.EINVAL;
        }

        ResourceUsage usage = new()
        {
            UserTime = Timeval.FromNanoseconds(time.User),
            SystemTime = Timeval.FromNanoseconds(time.System),
            MaxResident = who == Children
                ? task.Group.ChildrenPeakResident
                : HostStatus.PeakResidentKibibytes(task.GuestMemory.Space),
        };
        return task.Memory.Write(result, usage);
    }

    private static Result<ThreadGroup> Find(Task task, int pid)
    {
        if (pid == 0)
            return task.Group;
        using (task.Kernel.Tree.Enter())
        {
            if (task.PidNamespace.Find(pid) is not { } id || (id.ThreadGroup ?? id.Task?.Group) is not { } group)
                return Errno.ESRCH;
            return group == task.Group || MayLookInto(task.Credentials, group.Leader.Credentials) ? group : Errno.EPERM;
        }
    }

    // prlimit(2): all of the target's ids are the caller's real ones, or CAP_SYS_RESOURCE.
    private static bool MayLookInto(Credentials own, Credentials other) =>
        (own.UserId == other.EffectiveUserId && own.UserId == other.SavedUserId && own.UserId == other.UserId
            && own.GroupId == other.EffectiveGroupId && own.GroupId == other.SavedGroupId
            && own.GroupId == other.GroupId)
        || own.Has(Capability.SysResource, other.UserNamespace);

    private static Errno Replace(Task task, ThreadGroup group, uint number, Limit limit, out Limit old)
    {
        old = default;
        if (number >= (uint)Resource.Count || limit.Soft > limit.Hard)
            return Errno.EINVAL;
        Resource resource = (Resource)number;
        if (resource == Resource.OpenFiles && limit.Hard > MaxOpenFiles)
            return Errno.EPERM;
        using (task.Kernel.Tree.Enter())
        {
            old = group.Limits[resource];
            if (limit.Hard > old.Hard && !task.Credentials.Has(Capability.SysResource))
                return Errno.EPERM;
            group.Limits = group.Limits.With(resource, limit);
        }

        if (resource is Resource.AddressSpace or Resource.Data or Resource.Stack)
            group.Leader.GuestMemory.Space.SetLimit((int)resource, limit.Soft, Limit.Infinity);
        else if (resource == Resource.Cpu)
            ProcessTimers.Of(group).ArmCpuLimit();
        return Errno.Ok;
    }
}
