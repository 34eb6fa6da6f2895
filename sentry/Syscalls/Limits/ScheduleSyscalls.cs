using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Syscalls;

/// <summary>sched_*(2), getpriority(2), setpriority(2), ioprio_*(2): remembered and told; the host schedules.</summary>
internal static class ScheduleSyscalls
{
    private const int Other = 0, Fifo = 1, RoundRobin = 2, Batch = 3, Idle = 5, ResetOnFork = 0x40000000;
    private const int MinNice = -20, MaxNice = 19, MaxRealTime = 99;
    private const int WordBytes = sizeof(ulong);

    /// <summary>struct sched_attr up to its first published size.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly record struct Attributes(
        uint Size, uint Policy, ulong Flags, int Nice, uint Priority, ulong Runtime, ulong Deadline, ulong Period);

    public static SyscallResult GetAffinity(Task task, int pid, uint bytes, UserAddress mask)
    {
        int words = MaskWords(task);
        if (bytes % WordBytes != 0 || bytes < (uint)(words * WordBytes))
            return Errno.EINVAL;
        if (Find(task, pid).Failed(out Task? target, out Errno error))
            return error;
        ulong[] own = target.Scheduling.Affinity ?? AllProcessors(task);
        error = task.Memory.Write(mask, MemoryMarshal.AsBytes(own.AsSpan(0, words)));
        return error == Errno.Ok ? words * WordBytes : error;
    }

    public static SyscallResult SetAffinity(Task task, int pid, uint bytes, UserAddress mask)
    {
        ulong[] all = AllProcessors(task);
        ulong[] wanted = new ulong[all.Length];
        int length = (int)Math.Min(bytes, (uint)(all.Length * WordBytes));
        if (task.Memory.Read(mask, MemoryMarshal.AsBytes(wanted.AsSpan())[..length]) is not Errno.Ok and Errno fault)
            return fault;
        if (FindToChange(task, pid).Failed(out Task? target, out Errno error))
            return error;
        bool isEmpty = true;
        for (int index = 0; index < all.Length; index++)
        {
            wanted[index] &= all[index];
            isEmpty &= wanted[index] == 0;
        }

        if (isEmpty)
            return Errno.EINVAL;
        target.Scheduling = target.Scheduling with { Affinity = wanted };
        return 0;
    }

    public static SyscallResult GetScheduler(Task task, int pid)
    {
        if (Find(task, pid).Failed(out Task? target, out Errno error))
            return error;
        return target.Scheduling.Policy | (target.Scheduling.ResetsOnFork ? ResetOnFork : 0);
    }

    public static SyscallResult SetScheduler(Task task, int pid, int policy, UserPtr<int> parameter)
    {
        if (policy < 0 || parameter.IsNull)
            return Errno.EINVAL;
        if (task.Memory.Read(parameter, out int priority) is not Errno.Ok and Errno fault)
            return fault;
        if (FindToChange(task, pid).Failed(out Task? target, out Errno error))
            return error;
        bool resets = (policy & ResetOnFork) != 0 || target.Scheduling.ResetsOnFork;
        return Change(task, target,
            target.Scheduling with { Policy = policy & ~ResetOnFork, Priority = priority, ResetsOnFork = resets });
    }

    public static SyscallResult GetParameter(Task task, int pid, UserPtr<int> result)
    {
        if (result.IsNull)
            return Errno.EINVAL;
        return Find(task, pid).Failed(out Task? target, out Errno error)
            ? error
            : task.Memory.Write(result, target.Scheduling.Priority);
    }

    public static SyscallResult SetParameter(Task task, int pid, UserPtr<int> parameter)
    {
        if (parameter.IsNull)
            return Errno.EINVAL;
        if (task.Memory.Read(parameter, out int priority) is not Errno.Ok and Errno fault)
            return fault;
        if (FindToChange(task, pid).Failed(out Task? target, out Errno error))
            return error;
        return Change(task, target, target.Scheduling with { Priority = priority });
    }

    public static SyscallResult GetAttributes(Task task, int pid, UserPtr<Attributes> result, uint bytes, uint flags)
    {
        uint full = (uint)Marshal.SizeOf<Attributes>();
        if (flags != 0 || bytes < full || bytes > 4096)
            return Errno.EINVAL;
        if (Find(task, pid).Failed(out Task? target, out Errno error))
            return error;
        Scheduling own = target.Scheduling;
        return task.Memory.Write(result, new Attributes(
            full, (uint)own.Policy, own.ResetsOnFork
                ? 1u
                : 0, own.Policy is Other or Batch ? own.Nice : 0, (uint)own.Priority, 0, 0, 0));
    }

    public static SyscallResult SetAttributes(Task task, int pid, UserPtr<Attributes> wanted, uint flags)
    {
        if (flags != 0)
            return Errno.EINVAL;
        if (task.Memory.Read(wanted, out Attributes attributes) is not Errno.Ok and Errno fault)
            return fault;
        if (FindToChange(task, pid).Failed(out Task? target, out Errno error))
            return error;
        return Change(task, target, target.Scheduling with
        {
            Policy = (int)Math.Min(attributes.Policy, int.MaxValue),
            Priority = (int)Math.Min(attributes.Priority, int.MaxValue),
            Nice = Math.Clamp(attributes.Nice, MinNice, MaxNice),
            ResetsOnFork = (attributes.Flags & 1) != 0,
        });
    }

    public static SyscallResult MaxPriority(Task task, int policy) => policy switch
    {
        Fifo or RoundRobin => MaxRealTime,
        Other or Batch or Idle or 6 => 0,
        _ => Errno.EINVAL,
    };

    public static SyscallResult MinPriority(Task task, int policy) => policy switch
    {
        Fifo or RoundRobin => 1,
        Other or Batch or Idle or 6 => 0,
        _ => Errno.EINVAL,
    };

    public static SyscallResult RoundRobinInterval(Task task, int pid, UserPtr<Timespec> result)
    {
        if (Find(task, pid).Failed(out Task? target, out Errno error))
            return error;
        long slice = target.Scheduling.Policy switch { RoundRobin => 100_000_000, Fifo => 0, _ => 4_000_000 };
        return task.Memory.Write(result, Timespec.FromNanoseconds(slice));
    }

    public static SyscallResult GetPriority(Task task, int which, int who)
    {
        int best = int.MinValue;
        using (task.Kernel.Tree.Enter())
        {
            foreach (Task target in Select(task, which, who))
                best = Math.Max(best, 20 - target.Scheduling.Nice); // The raw call answers 40 to 1.
        }

        if ((uint)which > 2)
            return Errno.EINVAL;
        return best == int.MinValue ? Errno.ESRCH : best;
    }

    public static SyscallResult SetPriority(Task task, int which, int who, int nice)
    {
        if ((uint)which > 2)
            return Errno.EINVAL;
        nice = Math.Clamp(nice, MinNice, MaxNice);
        Errno result = Errno.ESRCH;
        using (task.Kernel.Tree.Enter())
        {
            foreach (Task target in Select(task, which, who))
            {
                Errno one = SetNice(task, target, nice);
                result = result is Errno.ESRCH or Errno.Ok ? one : result;
            }
        }

        return result;
    }

    public static SyscallResult GetIoPriority(Task task, int which, int who)
    {
        if (which is < 1 or > 3)
            return Errno.EINVAL;
        using (task.Kernel.Tree.Enter())
        {
            foreach (Task target in Select(task, which - 1, who))
                return target.Scheduling.IoPriority;
        }

        return Errno.ESRCH;
    }

    public static SyscallResult SetIoPriority(Task task, int which, int who, int priority)
    {
        const int classShift = 13, realTime = 1, lastClass = 3;
        int level = priority >> classShift;
        if (which is < 1 or > 3 || (uint)level > lastClass)
            return Errno.EINVAL;
        if (level == realTime && !task.Credentials.Has(Capability.SysAdmin))
            return Errno.EPERM;
        bool isFound = false;
        using (task.Kernel.Tree.Enter())
        {
            foreach (Task target in Select(task, which - 1, who))
            {
                isFound = true;
                target.Scheduling = target.Scheduling with { IoPriority = priority };
            }
        }

        return isFound ? 0 : Errno.ESRCH;
    }

    private static Errno SetNice(Task task, Task target, int nice)
    {
        if (!MayChange(task, target))
            return Errno.EPERM;
        if (nice < target.Scheduling.Nice && !task.Credentials.Has(Capability.SysNice)
            && (ulong)(20 - nice) > target.Group.Limits[Resource.Nice].Soft)
        {
            return Errno.EACCES;
        }

        target.Scheduling = target.Scheduling with { Nice = nice };
        return Errno.Ok;
    }

    private static Errno Change(Task task, Task target, Scheduling wanted)
    {
        bool isRealTime = wanted.Policy is Fifo or RoundRobin;
        if (!isRealTime && wanted.Policy is not (Other or Batch or Idle))
            return Errno.EINVAL;
        if (isRealTime ? wanted.Priority is < 1 or > MaxRealTime : wanted.Priority != 0)
            return Errno.EINVAL;
        Scheduling old = target.Scheduling;
        if (!task.Credentials.Has(Capability.SysNice))
        {
            ulong limit = target.Group.Limits[Resource.RealTimePriority].Soft;
            bool raises = isRealTime && (wanted.Policy != old.Policy || wanted.Priority > old.Priority);
            if ((raises && (ulong)wanted.Priority > limit) || (old.ResetsOnFork && !wanted.ResetsOnFork))
                return Errno.EPERM;
            if (wanted.Nice < old.Nice && (ulong)(20 - wanted.Nice) > target.Group.Limits[Resource.Nice].Soft)
                return Errno.EPERM;
        }

        target.Scheduling = wanted;
        return Errno.Ok;
    }

    private static Result<Task> Find(Task task, int pid)
    {
        if (pid < 0)
            return Errno.EINVAL;
        if (pid == 0)
            return task;
        using (task.Kernel.Tree.Enter())
            return task.PidNamespace.Find(pid)?.Task is { } target ? target : Errno.ESRCH;
    }

    private static Result<Task> FindToChange(Task task, int pid)
    {
        if (Find(task, pid).Failed(out Task? target, out Errno error))
            return error;
        return MayChange(task, target) ? target : Errno.EPERM;
    }

    private static bool MayChange(Task task, Task target) =>
        task.Credentials.EffectiveUserId == target.Credentials.UserId
        || task.Credentials.EffectiveUserId == target.Credentials.EffectiveUserId
        || task.Credentials.Has(Capability.SysNice, target.Credentials.UserNamespace);

    /// <summary>PRIO_PROCESS, PRIO_PGRP, PRIO_USER. With Tree held.</summary>
    private static List<Task> Select(Task task, int which, int who)
    {
        List<Task> found = [];
        switch (which)
        {
            case 0:
                if (who == 0)
                    found.Add(task);
                else if (task.PidNamespace.Find(who)?.Task is { } one)
                    found.Add(one);
                break;
            case 1:
                ProcessGroup? group = who == 0 ? task.Group.ProcessGroup : task.PidNamespace.Find(who)?.ProcessGroup;
                foreach (ThreadGroup member in group?.Members ?? [])
                    found.AddRange(member.Tasks);
                break;
            case 2:
                uint? user = who == 0
                    ? task.Credentials.UserId
                    : task.Credentials.UserNamespace.UserToKernel((uint)who);
                foreach (KeyValuePair<int, Pid> entry in task.PidNamespace.Pids)
                {
                    if (entry.Value.Task is { } target && target.Credentials.UserId == user)
                        found.Add(target);
                }

                break;
        }

        return found;
    }

    private static int MaskWords(Task task) => (Processors(task) + 63) / 64;

    private static int Processors(Task task) => Math.Clamp(task.Kernel.Host.CpuCount, 1, Scheduling.MaxProcessors);

    private static ulong[] AllProcessors(Task task) =>
        ProcessorSet.Mask(ProcessorSet.Allowed(task.Namespaces.Container.Limits, Processors(task)), MaskWords(task));
}
