using System.Buffers.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;

namespace Sandbox.Sentry.Kernel.Tasks;

/// <summary>CPU time as the host accounts it to the stub's threads (times(2), getrusage(2), the CPU clocks).</summary>
/// <param name="User">Nanoseconds in user mode.</param>
/// <param name="System">Nanoseconds in kernel mode.</param>
internal readonly record struct CpuTime(long User, long System)
{
    /// <summary>sysconf(_SC_CLK_TCK) is 100 on x86-64.</summary>
    public const long TickNanoseconds = 10_000_000;

    public long Total => User + System;

    public static CpuTime operator +(CpuTime a, CpuTime b) => new(a.User + b.User, a.System + b.System);

    /// <summary>Nanoseconds as clock_t.</summary>
    public static long ToTicks(long nanoseconds) => nanoseconds / TickNanoseconds;

    /// <summary>
    /// What one thread has used so far; nothing if its host thread is gone. Precise in sum,
    /// split as the host's ticks say.
    /// </summary>
    public static CpuTime OfTask(Task task)
    {
        Span<byte> name = stackalloc byte[32];
        int hostThread = task.Thread.HostThreadId;
        long total = task.GuestMemory.HasBeenShared
            ? FirstNumber(Read(task, name, hostThread, "/schedstat"u8))
            : HostClock.CpuTimeOf(task.GuestMemory.Space.HostProcessId);
        if (total is > 0 and < TickNanoseconds)
            return new CpuTime(total, 0); // The host's ticks cannot tell how it parts.
        return Split(total, Read(task, name, hostThread, "/stat"u8));
    }

    /// <summary>What all threads of the host process of a task's memory have used, ended ones included.</summary>
    private static CpuTime OfSpace(Task task)
    {
        if (task.GuestMemory.Space.Usage is { MaxResident: > 0 } ended)
            return new CpuTime(ended.UserTime.TotalNanoseconds, ended.SystemTime.TotalNanoseconds);
        long total = HostClock.CpuTimeOf(task.GuestMemory.Space.HostProcessId);
        if (total is > 0 and < TickNanoseconds)
            return new CpuTime(total, 0);
        return Split(
            total, task.GuestMemory.Space.ReadProcFile("stat"u8).Failed(out byte[]? text, out _) ? default : text);
    }

    private static CpuTime Split(long total, ReadOnlySpan<byte> stat)
    {
        // Fields 14 and 15 are utime and stime; the name in parentheses (field 2) may hold anything.
        int end = stat.LastIndexOf((byte)')');
        if (end < 0)
            return default;
        ReadOnlySpan<byte> rest = stat[(end + 1)..];
        long userTicks = NumberAt(rest, 12), systemTicks = NumberAt(rest, 13);
        if (total == 0)
            return new CpuTime(userTicks * TickNanoseconds, systemTicks * TickNanoseconds);
        if (systemTicks == 0)
            return new CpuTime(total, 0);
        long user = (long)((Int128)total * userTicks / (userTicks + systemTicks));
        return new CpuTime(user, total - user);
    }

    /// <summary>
    /// What a process has used, ended threads included. Without Tree held: it reads files of the host.
    /// </summary>
    public static CpuTime OfGroup(ThreadGroup group)
    {
        Task[] tasks;
        CpuTime sum;
        using (group.Kernel.Tree.Enter())
        {
            tasks = [.. group.Tasks];
            sum = new CpuTime(group.ExitedUserTime, group.ExitedSystemTime);
        }

        if (tasks.Length != 0 && tasks[0].GuestMemory.Owner == group)
            return sum + OfSpace(tasks[0]);
        foreach (Task task in tasks)
            sum += OfTask(task);
        return sum;
    }

    /// <summary>
    /// The last thread of the process that owns a memory leaves it, by its end or by execve: what the host process has
    /// used counts for the guest's from now on. Before the host process goes. Own thread, without locks.
    /// </summary>
    public static void SettleOwner(Task task) => Settle(task, OfSpace(task));

    /// <summary>The same for a thread in the memory of another process, before the host thread goes.</summary>
    public static void SettleThread(Task task) => Settle(task, OfTask(task));

    private static void Settle(Task task, CpuTime used)
    {
        using (task.Kernel.Tree.Enter())
        {
            task.Group.ExitedUserTime += used.User;
            task.Group.ExitedSystemTime += used.System;
        }
    }

    private static ReadOnlySpan<byte> Read(Task task, Span<byte> buffer, int hostThread, ReadOnlySpan<byte> file)
    {
        "task/"u8.CopyTo(buffer);
        if (!Utf8Formatter.TryFormat(hostThread, buffer[5..], out int digits)
            || 5 + digits + file.Length > buffer.Length)
            return default;
        file.CopyTo(buffer[(5 + digits)..]);
        return task.Thread.AddressSpace.ReadProcFile(buffer[..(5 + digits + file.Length)]).Failed(
            out byte[]? text, out _)
            ? default
            : text;
    }

    private static long FirstNumber(ReadOnlySpan<byte> text) =>
        Utf8Parser.TryParse(text, out long value, out _) ? value : 0;

    private static long NumberAt(ReadOnlySpan<byte> text, int field)
    {
        text = text.TrimStart((byte)' ');
        for (int skipped = 0; skipped < field - 1; skipped++)
        {
            int space = text.IndexOf((byte)' ');
            if (space < 0)
                return 0;
            text = text[(space + 1)..];
        }

        return FirstNumber(text);
    }
}
