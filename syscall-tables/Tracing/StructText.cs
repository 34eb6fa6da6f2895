using System.Globalization;
using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.PosixQueues;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Syscalls;

namespace Sandbox.SyscallTables.Tracing;

/// <summary>
/// Writes the structures that calls pass by address. Each gives null when guest memory cannot be read.
/// </summary>
internal readonly struct StructText(UserMemory memory)
{
    private const int ShownItems = 8;

    /// <summary>The structure at an address.</summary>
    public string? Of(ArgumentFormat format, ulong address) => format switch
    {
        ArgumentFormat.Stat => Stat(address),
        ArgumentFormat.Statx => Statx(address),
        ArgumentFormat.StatFs => FileSystem(address),
        ArgumentFormat.Time or ArgumentFormat.TimeOut => Time(address),
        ArgumentFormat.MicroTime or ArgumentFormat.MicroTimeOut => Time(address),
        ArgumentFormat.TimerTime or ArgumentFormat.TimerTimeOut or ArgumentFormat.TimerMicroTime
            or ArgumentFormat.TimerMicroTimeOut => Timer(address),
        ArgumentFormat.SignalSet or ArgumentFormat.SignalSetOut => Signals(address),
        ArgumentFormat.SignalAction or ArgumentFormat.SignalActionOut => Action(address),
        ArgumentFormat.SignalInfo or ArgumentFormat.SignalInfoOut => Info(address),
        ArgumentFormat.EpollEvent => EpollEvents(address, 1),
        ArgumentFormat.FdPairOut => Pair(address),
        ArgumentFormat.IntegerOut => Integer(address),
        ArgumentFormat.LongIn or ArgumentFormat.LongOut => Long(address),
        ArgumentFormat.WaitStatusOut => Status(address),
        ArgumentFormat.ResourceUsageOut => Usage(address),
        ArgumentFormat.Limit or ArgumentFormat.LimitOut => Bounds(address),
        ArgumentFormat.OpenHow => How(address),
        ArgumentFormat.CloneArguments => Clone(address),
        ArgumentFormat.QueueAttributes or ArgumentFormat.QueueAttributesOut => Queue(address),
        ArgumentFormat.SignalEvent => Event(address),
        _ => null,
    };

    /// <summary>struct pollfd[]; read after the call, so that what is ready shows too.</summary>
    public string? Poll(ulong address, ulong count)
    {
        StringBuilder text = new("[");
        for (ulong index = 0; index < Math.Min(count, ShownItems); index++)
        {
            if (!Read(address + (index * 8), out PollDescriptor entry))
                return null;
            text.Append(index == 0 ? "" : ", ");
            text.Append(
                CultureInfo.InvariantCulture, $"{{fd={entry.Fd}, events={FileNames.Poll.Describe(entry.Wanted)}");
            if (entry.Ready != 0)
                text.Append(CultureInfo.InvariantCulture, $", revents={FileNames.Poll.Describe(entry.Ready)}");
            text.Append('}');
        }

        return text.Append(count > ShownItems ? ", ...]" : "]").ToString();
    }

    /// <summary>struct epoll_event[], 12 bytes each.</summary>
    public string? EpollEvents(ulong address, long count)
    {
        const int bytes = 12;
        StringBuilder text = new("[");
        for (int index = 0; index < Math.Min(count, ShownItems); index++)
        {
            ulong entry = address + ((ulong)index * bytes);
            if (!Read(entry, out uint events) || !Read(entry + sizeof(uint), out ulong data))
                return null;
            text.Append(index == 0 ? "" : ", ");
            text.Append(CultureInfo.InvariantCulture, $"{{{FileNames.Poll.Describe(events)}, data=0x{data:x}}}");
        }

        return text.Append(count > ShownItems ? ", ...]" : "]").ToString();
    }

    private string? Stat(ulong address) => Read(address, out Stat stat)
        ? Invariant($"{{ino={stat.Inode}, mode={Octal(stat.Mode)}, nlink={stat.LinkCount}, uid={stat.UserId}, gid={
            stat.GroupId}, size={stat.SizeBytes}}}")
        : null;

    private string? Statx(ulong address) => Read(address, out Statx stat)
        ? Invariant($"{{mask=0x{stat.Mask:x}, ino={stat.Inode}, mode={Octal(stat.Mode)}, nlink={stat.LinkCount}, uid={
            stat.UserId}, gid={stat.GroupId}, size={stat.SizeBytes}}}")
        : null;

    private string? FileSystem(ulong address) => Read(address, out StatFs stat)
        ? Invariant($"{{type=0x{stat.Type:x}, bsize={stat.BlockBytes}, blocks={stat.Blocks}, bfree={stat.BlocksFree}}}")
        : null;

    private string? Time(ulong address) =>
        Read(address, out Timespec time) ? Invariant($"{{{time.Seconds}, {time.Nanoseconds}}}") : null;

    private string? Timer(ulong address) => Time(address) is { } interval && Time(address + 16) is { } value
        ? $"{{interval={interval}, value={value}}}"
        : null;

    private string? Signals(ulong address)
    {
        if (!Read(address, out ulong mask))
            return null;
        return Set(mask);
    }

    private static string Set(ulong mask)
    {
        // A nearly full set is easier to read as what it lacks.
        bool isInverted = System.Numerics.BitOperations.PopCount(mask) > 32;
        ulong shown = isInverted ? ~mask : mask;
        StringBuilder text = new(isInverted ? "~[" : "[");
        for (int signal = 1; signal <= 64; signal++)
        {
            if ((shown & (1ul << (signal - 1))) != 0)
                text.Append(text[^1] == '[' ? "" : " ").Append(TaskNames.Signal(signal).AsSpan(3));
        }

        return text.Append(']').ToString();
    }

    private string? Action(ulong address)
    {
        if (!Read(address, out SignalAction action))
            return null;
        string handler = action.Handler switch
        {
            SignalAction.DefaultHandler => "SIG_DFL",
            SignalAction.IgnoreHandler => "SIG_IGN",
            _ => $"0x{action.Handler:x}",
        };
        return $"{{{handler}, mask={Set(action.Mask.Mask)}, flags={TaskNames.SignalAction.Describe(action.Flags)}}}";
    }

    private string? Info(ulong address) => Read(address, out SignalInfo info)
        ? Invariant($"{{signo={TaskNames.Signal(info.Number)}, code={info.Code}, pid={info.SenderPid}, uid={
            info.SenderUserId}, status={info.Status}}}")
        : null;

    private string? Pair(ulong address) =>
        Read(address, out FdPair pair) ? Invariant($"[{pair.First}, {pair.Second}]") : null;

    private string? Integer(ulong address) => Read(address, out int value) ? Invariant($"[{value}]") : null;

    private string? Long(ulong address) => Read(address, out long value) ? Invariant($"[{value}]") : null;

    private string? Status(ulong address)
    {
        if (!Read(address, out int status))
            return null;
        const int continued = 0xFFFF, stopped = 0x7F, dumped = 0x80;
        int signal = status & stopped, upper = (status >> 8) & 0xFF;
        if (status == continued)
            return "[continued]";
        if (signal == 0)
            return Invariant($"[exited {upper}]");
        return signal == stopped
            ? $"[stopped by {TaskNames.Signal(upper)}]"
            : $"[killed by {TaskNames.Signal(signal)}{((status & dumped) != 0 ? ", dumped" : "")}]";
    }

    private string? Usage(ulong address) => Read(address, out ResourceUsage usage)
        ? Invariant($"{{utime={{{usage.UserTime.Seconds}, {usage.UserTime.Microseconds}}}, stime={{{
            usage.SystemTime.Seconds}, {usage.SystemTime.Microseconds}}}}}")
        : null;

    private string? Bounds(ulong address) => Read(address, out Limit limit)
        ? $"{{{Bound(limit.Soft)}, {Bound(limit.Hard)}}}"
        : null;

    private static string Bound(ulong value) =>
        value == ulong.MaxValue ? "RLIM_INFINITY" : value.ToString(CultureInfo.InvariantCulture);

    private string? How(ulong address) => Read(address, out OpenHow how)
        ? $"{{flags={FileNames.Open.Describe(how.Flags)}, mode={Octal((uint)how.Mode)}, resolve=0x{how.Resolve:x}}}"
        : null;

    // struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls.
    private string? Clone(ulong address) =>
        Read(address, out ulong flags) && Read(address + 32, out ulong signal) && Read(address + 40, out ulong stack)
            ? $"{{flags={TaskNames.Clone.Describe(flags)}, exit_signal={TaskNames.Signal((int)signal)}, stack=0x{stack:x}}}"
            : null;

    private string? Queue(ulong address) => Read(address, out QueueAttributes queue)
        ? Invariant(
            $"{{flags={queue.Flags}, maxmsg={queue.MaxMessages}, msgsize={queue.MaxBytes}, curmsgs={queue.Count}}}")
        : null;

    private string? Event(ulong address)
    {
        const int thread = 2; // Of mq_notify: then the number is a descriptor.
        if (!Read(address, out SignalEvent wanted))
            return null;
        string signal = wanted.Notify == thread ? Invariant($"{wanted.Signal}") : TaskNames.Signal(wanted.Signal);
        return $"{{value=0x{wanted.Value:x}, signo={signal}, notify={TaskNames.Notify.Describe((uint)wanted.Notify)}}}";
    }

    private static string Octal(uint mode) => "0" + Convert.ToString(mode, 8);

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private bool Read<T>(ulong address, out T value)
        where T : unmanaged =>
        memory.Read(new UserPtr<T>(new UserAddress(address)), out value) == Errno.Ok;
}
