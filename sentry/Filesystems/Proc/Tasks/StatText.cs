using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>/proc/PID/stat and statm (proc_pid_stat(5), proc_pid_statm(5)).</summary>
internal static class StatText
{
    private const long PageBytes = PageSize.Bytes;

    public static Errno WriteStat(ProcTask target, ICaller reader, ByteBuilder text)
    {
        Task task = target.Task;
        ThreadGroup group = target.Group;
        CpuTime time = target.Thread is { } thread ? CpuTime.OfTask(thread) : CpuTime.OfGroup(group);
        (long sizePages, long residentPages) = MemoryPages(target);
        bool mayInspect = ProcAccess.MayInspect(reader, task);
        GuestMemory memory = task.GuestMemory;
        int parent, processGroup, session, foreground, threads;
        ulong terminal;
        SignalMasks masks;
        using (target.Kernel.Tree.Enter())
        {
            parent = target.NumberOf(group.Parent?.Id);
            processGroup = target.NumberOf(group.ProcessGroup.Id);
            session = target.NumberOf(group.Session.Id);
            terminal = group.Session.Terminal?.DeviceNumber ?? 0;
            foreground = group.Session.Terminal is { } control ? target.NumberOf(control.Foreground?.Id) : -1;
            threads = Math.Max(1, group.Tasks.Count);
            masks = SignalMasks.Of(task);
        }

        text.Append(target.NumberOf(target.Thread?.Id ?? group.Id)).Append(" ("u8).Append(task.Name).Append(") "u8)
            .Append((byte)target.StateFor(reader));
        ReadOnlySpan<long> beforeTimes = [
            parent, processGroup, session, (long)terminal, foreground, 0x400000, 0, 0, 0, 0];
        Append(text, beforeTimes);
        ReadOnlySpan<long> times =
        [
            CpuTime.ToTicks(time.User), CpuTime.ToTicks(time.System),
            CpuTime.ToTicks(group.ChildrenUserTime), CpuTime.ToTicks(group.ChildrenSystemTime),
            20, 0, threads, 0, CpuTime.ToTicks(Math.Max(0, group.StartTime - target.Kernel.BootTime)),
            sizePages * PageBytes, residentPages,
        ];
        Append(text, times);
        text.Append((byte)' ').Append(group.Limits[Resource.ResidentSet].Soft);
        ulong stack = mayInspect ? memory.StackTop : 0;
        ReadOnlySpan<ulong> places =
        [
            mayInspect ? 1ul : 0, mayInspect ? 1ul : 0, stack, 0, 0,
            masks.Pending & 0x7FFFFFFF, masks.Blocked & 0x7FFFFFFF, masks.Ignored & 0x7FFFFFFF,
            masks.Caught & 0x7FFFFFFF, 0, 0, 0,
        ];
        foreach (ulong place in places)
            text.Append((byte)' ').Append(place);
        Append(text, [(long)group.ExitSignal, 0, 0, 0, 0, 0, 0]);
        ReadOnlySpan<ulong> regions = mayInspect
            ?
            [
                memory.BreakStart, memory.BreakStart, memory.BreakStart, memory.ArgumentsStart, memory.ArgumentsEnd,
                memory.EnvironmentStart, memory.EnvironmentEnd,
            ]
            : [0, 0, 0, 0, 0, 0, 0];
        foreach (ulong region in regions)
            text.Append((byte)' ').Append(region);
        text.Append((byte)' ').Append(mayInspect && group.IsZombie ? group.ExitStatus : 0).Append((byte)'\n');
        return Errno.Ok;
    }

    public static Errno WriteStatm(ProcTask target, ICaller reader, ByteBuilder text)
    {
        ReadOnlySpan<byte> host = target.ReadHostFile("statm"u8);
        text.Append(host.IsEmpty ? "0 0 0 0 0 0 0\n"u8 : host);
        return Errno.Ok;
    }

    /// <summary>Size and resident pages of a process.</summary>
    public static (long Size, long Resident) MemoryPages(ProcTask target)
    {
        ReadOnlySpan<byte> statm = target.ReadHostFile("statm"u8);
        if (!System.Buffers.Text.Utf8Parser.TryParse(statm, out long size, out int used) || used >= statm.Length)
            return default;
        _ = System.Buffers.Text.Utf8Parser.TryParse(statm[(used + 1)..], out long resident, out _);
        return (size, resident);
    }

    private static void Append(ByteBuilder text, ReadOnlySpan<long> values)
    {
        foreach (long value in values)
            text.Append((byte)' ').Append(value);
    }
}

/// <summary>The signal masks of a task as /proc shows them.</summary>
internal readonly record struct SignalMasks(
    ulong Pending, ulong SharedPending, ulong Blocked, ulong Ignored, ulong Caught)
{
    /// <summary>With Tree held.</summary>
    public static SignalMasks Of(Task task)
    {
        ulong ignored = 0, caught = 0;
        for (int number = 1; number <= 64; number++)
        {
            SignalAction action = task.Group.Handlers[(Signal)number];
            if (action.IsIgnore)
                ignored |= 1ul << (number - 1);
            else if (!action.IsDefault)
                caught |= 1ul << (number - 1);
        }

        return new SignalMasks(
            task.Pending.Set.Mask, task.Group.Pending.Set.Mask, task.SignalMask.Mask, ignored, caught);
    }
}
