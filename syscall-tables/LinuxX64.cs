using System.Globalization;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.SyscallTables.Families;

namespace Sandbox.SyscallTables;

/// <summary>
/// The x86-64 system call table. Each family adds its own rows; every call of Linux 6.12 has one, and a number without
/// a row is ENOSYS.
/// </summary>
internal sealed class LinuxX64 : ISyscallTable
{
    /// <summary>One more than the highest number of Linux 6.12.</summary>
    public const int Size = 463;

    // Unsupported calls are logged once by name. For the whole process: the rows' thunks know no table.
    private static readonly byte[] _reported = new byte[Size];

    private readonly Syscall?[] _rows = new Syscall?[Size];

    public LinuxX64()
    {
        Join("processes", ProcessRows.Add);
        Join("signals", SignalRows.Add);
        Join("limits and scheduling", LimitRows.Add);
        Join("clocks and timers", ClockRows.Add);
        Join("system", SystemRows.Add);
        Join("credentials", CredentialRows.Add);
        Join("futexes", FutexRows.Add);
        Join("memory", MemoryRows.Add);
        Join("events", EventRows.Add);
        Join("files", FileRows.Add);
        Join("paths", PathRows.Add);
        Join("sockets", SocketRows.Add);
        Join("interprocess communication", CommunicationRows.Add);
        Join("security and tracing", UnsupportedRows.AddSecurity);
        Join("futexes", UnsupportedRows.AddFutexes);
        Join("memory", UnsupportedRows.AddMemory);
        Join("files", UnsupportedRows.AddFiles);
        Join("paths", UnsupportedRows.AddPaths);
        Join("asynchronous input and output", UnsupportedRows.AddAsynchronous);
        Join("administration", UnsupportedRows.AddAdministration);
        Join(UnsupportedRows.Obsolete, UnsupportedRows.AddObsolete);
    }

    /// <summary>The row of a number, or null.</summary>
    public Syscall? this[int number] => (uint)number < Size ? _rows[number] : null;

    /// <summary>Logs an unsupported call, the first time it is made.</summary>
    public static void ReportUnsupported(Task task, int number, Errno error)
    {
        if ((uint)number < Size && Interlocked.Exchange(ref _reported[number], 1) == 0)
            task.Kernel.Log.Warning($"unsupported system call {task.Kernel.Syscalls.NameOf(number)}: {error}");
    }

    public SyscallResult Invoke(Task task, in SyscallArguments arguments)
    {
        if ((uint)arguments.Number < Size && _rows[arguments.Number] is { } row)
            return row.Invoke(task, in arguments);
        ReportUnsupported(task, arguments.Number, Errno.ENOSYS);
        return Errno.ENOSYS;
    }

    public string NameOf(int number) =>
        this[number]?.Name ?? "syscall_" + number.ToString(CultureInfo.InvariantCulture);

    public string WaitChannelOf(int number) => this[number]?.WaitChannel ?? "0";

    public bool MayWaitWithoutThread(int number) => this[number]?.MayWaitWithoutThread == true;

    /// <summary>The number of a name, or -1.</summary>
    public int NumberOf(string name) => Array.FindIndex(_rows, row => row?.Name == name);

    private void Join(string family, Action<Syscall?[]> add)
    {
        add(_rows);
        foreach (Syscall? row in _rows)
            row?.JoinFamily(family);
    }
}
