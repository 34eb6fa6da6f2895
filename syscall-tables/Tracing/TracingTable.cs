using System.Diagnostics;
using System.Globalization;
using System.Text;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.SyscallTables.Tracing;

/// <summary>What a trace shows.</summary>
internal sealed record TraceOptions
{
    /// <summary>Where lines go; null for none (only a summary is wanted).</summary>
    public Action<string>? Write { get; init; }

    /// <summary>The calls that are shown, or empty for all.</summary>
    public string[] Names { get; init; } = [];

    /// <summary>Counts every call, or null.</summary>
    public SyscallSummary? Summary { get; init; }
}

/// <summary>
/// A table that shows what goes through another (<c>--strace</c>): arguments, result and time of each call. It stands
/// in front of the real table only when asked for, so that a sandbox without a trace does not even look at a flag.
/// </summary>
internal sealed class TracingTable : ISyscallTable
{
    private readonly LinuxX64 _table;
    private readonly TraceOptions _options;
    private readonly ArgumentFormat[]?[] _formats = new ArgumentFormat[]?[LinuxX64.Size]; // Null: not shown.

    public TracingTable(LinuxX64 table, TraceOptions options)
    {
        (_table, _options) = (table, options);
        for (int number = 0; number < LinuxX64.Size; number++)
        {
            if (table[number] is { } row && IsWanted(row.Name))
                _formats[number] = Formats.Of(row);
        }
    }

    public bool WantsEveryCall => true;

    public SyscallResult Invoke(Task task, in SyscallArguments arguments)
    {
        SyscallArguments call = arguments; // The original may be gone when the call returns.
        bool isShown = _options.Write is not null && (uint)call.Number < LinuxX64.Size
            && _formats[call.Number] is not null;
        if (!isShown)
            return Count(task, call);

        ArgumentFormat[] formats = _formats[call.Number]!;
        ArgumentText text = new(task, call);
        string?[] parts = new string?[formats.Length];
        for (int index = 0; index < formats.Length; index++)
        {
            if (!ArgumentText.IsOut(formats[index]))
                parts[index] = text.Of(formats[index], index);
        }

        string who = Who(task);
        long start = Stopwatch.GetTimestamp();
        SyscallResult result = _table.Invoke(task, arguments);
        TimeSpan time = Stopwatch.GetElapsedTime(start);
        _options.Summary?.Count(call.Number, result.Error, time.Ticks * TimeSpan.NanosecondsPerTick);
        long register = result.Error == Errno.Ok ? result.Register : -1;
        for (int index = 0; index < formats.Length; index++)
            parts[index] ??= text.Of(formats[index], index, register);
        _options.Write!(string.Create(
            CultureInfo.InvariantCulture,
            $"{who} {_table.NameOf(call.Number)}({string.Join(", ", parts)}) = {Answer(task, call.Number, result)} <{
                time.TotalSeconds:F6}>"));
        return result;
    }

    public string NameOf(int number) => _table.NameOf(number);

    public string WaitChannelOf(int number) => _table.WaitChannelOf(number);

    public bool MayWaitWithoutThread(int number) => _table.MayWaitWithoutThread(number);

    private SyscallResult Count(Task task, in SyscallArguments call)
    {
        if (_options.Summary is not { } summary)
            return _table.Invoke(task, call);
        int number = call.Number;
        long start = Stopwatch.GetTimestamp();
        SyscallResult result = _table.Invoke(task, call);
        summary.Count(number, result.Error, Stopwatch.GetElapsedTime(start).Ticks * TimeSpan.NanosecondsPerTick);
        return result;
    }

    private bool IsWanted(string name) => _options.Names.Length == 0 || Array.IndexOf(_options.Names, name) >= 0;

    private static string Who(Task task) => string.Create(
        CultureInfo.InvariantCulture,
        $"{task.Namespaces.Container.Id} [{task.Id.Own,4}:{Encoding.UTF8.GetString(task.Name)}]");

    private string Answer(Task task, int number, SyscallResult result)
    {
        if (result.Error is { } error and not Errno.Ok)
            return error >= Errno.ERESTARTSYS ? $"? {error} (interrupted)" : $"-1 {error} ({ErrnoText.Of(error)})";
        // The host executes the call, or the task does not come back from it: there is no value yet.
        if (task.NextAction is not null)
            return "?";
        return _table[number] is { AnswersAddress: true }
            ? $"0x{result.Register:x}"
            : result.Register.ToString(CultureInfo.InvariantCulture);
    }
}
