using System.Globalization;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>The small files of /proc/PID.</summary>
internal static class TaskTexts
{
    private static readonly (string Name, Resource Resource, string Unit)[] _limits =
    [
        ("Max cpu time", Resource.Cpu, "seconds"), ("Max file size", Resource.FileSize, "bytes"),
        ("Max data size", Resource.Data, "bytes"), ("Max stack size", Resource.Stack, "bytes"),
        ("Max core file size", Resource.Core, "bytes"), ("Max resident set", Resource.ResidentSet, "bytes"),
        ("Max processes", Resource.Processes, "processes"), ("Max open files", Resource.OpenFiles, "files"),
        ("Max locked memory", Resource.LockedMemory, "bytes"), ("Max address space", Resource.AddressSpace, "bytes"),
        ("Max file locks", Resource.Locks, "locks"), ("Max pending signals", Resource.PendingSignals, "signals"),
        ("Max msgqueue size", Resource.MessageQueueBytes, "bytes"), ("Max nice priority", Resource.Nice, ""),
        ("Max realtime priority", Resource.RealTimePriority, ""), ("Max realtime timeout", Resource.RealTimeTime, "us"),
    ];

    public static Errno WriteNothing(ProcTask target, ICaller reader, ByteBuilder text) => Errno.Ok;

    public static Errno WriteName(ProcTask target, ICaller reader, ByteBuilder text)
    {
        text.Append(target.Task.Name).Append((byte)'\n');
        return Errno.Ok;
    }

    /// <summary>Threads of the same process may rename each other (proc_pid_comm(5)).</summary>
    public static Errno ReadName(ProcTask target, ICaller writer, ReadOnlySpan<byte> text)
    {
        if (writer is not Task task || task.Group != target.Group)
            return Errno.EINVAL;
        int end = text.IndexOfAny((byte)'\n', (byte)0);
        ReadOnlySpan<byte> name = end < 0 ? text : text[..end];
        target.Task.Name = name[..Math.Min(name.Length, 15)].ToArray();
        return Errno.Ok;
    }

    public static Errno WriteLimits(ProcTask target, ICaller reader, ByteBuilder text)
    {
        text.Append("Limit                     Soft Limit           Hard Limit           Units     \n"u8);
        ResourceLimits limits = target.Group.Limits;
        foreach ((string name, Resource resource, string unit) in _limits)
        {
            Limit limit = limits[resource];
            text.AppendLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{name,-25} {Describe(limit.Soft),-20} {Describe(limit.Hard),-20} {unit,-10}"));
        }

        return Errno.Ok;

        static string Describe(ulong value) =>
            value == Limit.Infinity ? "unlimited" : value.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>Transfer counts are not kept; the file exists because readers expect it (proc_pid_io(5)).</summary>
    public static Errno WriteTransfer(ProcTask target, ICaller reader, ByteBuilder text)
    {
        text.Append(
            "rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n"u8);
        return Errno.Ok;
    }

    public static Errno WriteCgroup(ProcTask target, ICaller reader, ByteBuilder text)
    {
        if (target.Task.Namespaces.Container.ShowsLegacyCgroups)
        {
            for (int index = Container.LegacyControllers.Length; index > 0; index--)
                text.Append(index).Append((byte)':').Append(Container.LegacyControllers[index - 1]).Append(":/\n"u8);
        }

        text.Append("0::"u8);
        using (target.Task.Kernel.Tree.Enter())
        {
            GuestCgroup group = target.Task.Group.Cgroup ?? target.Task.Namespaces.Container.Cgroups;
            text.Append(((Task)reader).Namespaces.Cgroup.PathOf(group));
        }

        text.Append((byte)'\n');
        return Errno.Ok;
    }

    public static Errno WriteCpuset(ProcTask target, ICaller reader, ByteBuilder text)
    {
        text.Append("/\n"u8);
        return Errno.Ok;
    }

    public static Errno WriteWaitChannel(ProcTask target, ICaller reader, ByteBuilder text)
    {
        text.Append(target.IsZombie ? "0" : target.Task.WaitChannel);
        return Errno.Ok;
    }

    public static Errno WriteSchedule(ProcTask target, ICaller reader, ByteBuilder text)
    {
        CpuTime time = target.Thread is { } thread ? CpuTime.OfTask(thread) : CpuTime.OfGroup(target.Group);
        int threads;
        using (target.Kernel.Tree.Enter())
            threads = target.Group.Tasks.Count;
        text.Append(target.Task.Name)
            .Append(string.Create(
                CultureInfo.InvariantCulture, $" ({target.NumberOf(target.Task.Id)}, #threads: {threads})\n"))
            .Append(string.Create(CultureInfo.InvariantCulture, $"se.sum_exec_runtime : {time.Total / 1e6:F6}\n"))
            .Append("policy : 0\nprio : 120\n"u8);
        return Errno.Ok;
    }

    public static Errno WriteScheduleStatistics(ProcTask target, ICaller reader, ByteBuilder text)
    {
        CpuTime time = target.Thread is { } thread ? CpuTime.OfTask(thread) : CpuTime.OfGroup(target.Group);
        text.Append(time.Total).Append(" 0 0\n"u8);
        return Errno.Ok;
    }

    public static Errno WriteTimerSlack(ProcTask target, ICaller reader, ByteBuilder text)
    {
        text.Append((long)target.Task.Scheduling.TimerSlack).Append((byte)'\n');
        return Errno.Ok;
    }

    public static Errno WritePersonality(ProcTask target, ICaller reader, ByteBuilder text)
    {
        text.AppendHex(target.Task.Personality, 8).Append((byte)'\n');
        return Errno.Ok;
    }

    /// <summary>
    /// A nice value for the session's group of the scheduler: taken, without effect, as the host schedules (sched(7)).
    /// </summary>
    public static Errno ReadAutogroupNice(ProcTask target, ICaller writer, ReadOnlySpan<byte> text)
    {
        if (!ProcNumberText.TryParse(text, out long nice) || nice is < -20 or > 19)
            return Errno.EINVAL;
        return nice < 0 && !writer.Credentials.Has(Security.Capability.SysNice) ? Errno.EPERM : Errno.Ok;
    }

    /// <summary>The number of the call a task is in; its registers are not told (proc_pid_syscall(5)).</summary>
    public static Errno WriteSyscall(ProcTask target, ICaller reader, ByteBuilder text)
    {
        int number = target.Task.SyscallNumber;
        if (number < 0)
            text.Append("running\n"u8);
        else
            text.Append(number).Append(" 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0\n"u8);
        return Errno.Ok;
    }

    /// <summary>The processes whose parent is this one; listed for its main thread.</summary>
    public static Errno WriteChildren(ProcTask target, ICaller reader, ByteBuilder text)
    {
        if (target.Thread != target.Group.Leader)
            return Errno.Ok;
        using (target.Kernel.Tree.Enter())
        {
            foreach (ThreadGroup child in target.Group.Children)
            {
                if (target.NumberOf(child.Id) is > 0 and int number)
                    text.Append(number).Append((byte)' ');
            }
        }

        return Errno.Ok;
    }
}
