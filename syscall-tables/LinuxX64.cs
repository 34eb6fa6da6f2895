using System.Globalization;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel;
using Sandbox.SyscallTables.Families;

namespace Sandbox.SyscallTables;

/// <summary>The x86-64 system call table. Each family adds its own rows; a number without a row is ENOSYS.</summary>
internal sealed class LinuxX64 : ISyscallTable
{
    /// <summary>One more than the highest number of Linux 6.12.</summary>
    public const int Size = 463;

    private readonly Syscall?[] _rows = new Syscall?[Size];
    private readonly byte[] _reported = new byte[Size]; // Unknown calls are logged once by name.

    public LinuxX64()
    {
        ProcessRows.Add(_rows);
        SignalRows.Add(_rows);
        LimitRows.Add(_rows);
        ClockRows.Add(_rows);
        SystemRows.Add(_rows);
        CredentialRows.Add(_rows);
        FutexRows.Add(_rows);
        MemoryRows.Add(_rows);
        EventRows.Add(_rows);
        FileRows.Add(_rows);
        PathRows.Add(_rows);
        SocketRows.Add(_rows);
    }

    /// <summary>The row of a number, or null.</summary>
    public Syscall? this[int number] => (uint)number < Size ? _rows[number] : null;

    public SyscallResult Invoke(Task task, in SyscallArguments arguments)
    {
        if ((uint)arguments.Number < Size && _rows[arguments.Number] is { } row)
            return row.Invoke(task, in arguments);
        return Unknown(task, arguments.Number);
    }

    public string NameOf(int number) =>
        this[number]?.Name ?? "syscall_" + number.ToString(CultureInfo.InvariantCulture);

    private Errno Unknown(Task task, int number)
    {
        if ((uint)number < Size && Interlocked.Exchange(ref _reported[number], 1) == 0)
            task.Kernel.Log.Warning($"unsupported system call {NameOf(number)}: ENOSYS");
        return Errno.ENOSYS;
    }
}
