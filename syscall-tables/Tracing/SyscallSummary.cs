using System.Globalization;
using System.Text;
using Sandbox.Linux;

namespace Sandbox.SyscallTables.Tracing;

/// <summary>Calls, errors and time for each number, as <c>strace -c</c> counts them. Any thread may count.</summary>
internal sealed class SyscallSummary
{
    private readonly long[] _calls = new long[LinuxX64.Size];
    private readonly long[] _errors = new long[LinuxX64.Size];
    private readonly long[] _nanoseconds = new long[LinuxX64.Size];

    /// <summary>Counts one call. Restarted calls are no errors.</summary>
    public void Count(int number, Errno error, long nanoseconds)
    {
        if ((uint)number >= LinuxX64.Size)
            return;
        Interlocked.Increment(ref _calls[number]);
        Interlocked.Add(ref _nanoseconds[number], nanoseconds);
        if (error is not Errno.Ok and < Errno.ERESTARTSYS)
            Interlocked.Increment(ref _errors[number]);
    }

    /// <summary>The table, the most time first; times include waiting.</summary>
    public string Format(LinuxX64 table)
    {
        List<int> numbers = [];
        long calls = 0, errors = 0, nanoseconds = 0;
        for (int number = 0; number < LinuxX64.Size; number++)
        {
            if (_calls[number] == 0)
                continue;
            numbers.Add(number);
            calls += _calls[number];
            errors += _errors[number];
            nanoseconds += _nanoseconds[number];
        }

        numbers.Sort((a, b) => _nanoseconds[b].CompareTo(_nanoseconds[a]));
        StringBuilder text = new("% time     seconds  usecs/call     calls    errors syscall\n");
        text.Append(Rule);
        foreach (int number in numbers)
            AppendLine(text, nanoseconds, _nanoseconds[number], _calls[number], _errors[number], table.NameOf(number));
        text.Append(Rule);
        AppendLine(text, nanoseconds, nanoseconds, calls, errors, "total");
        return text.ToString();
    }

    private const string Rule = "------ ----------- ----------- --------- --------- ----------------\n";

    private static void AppendLine(StringBuilder text, long all, long nanoseconds, long calls, long errors, string name)
    {
        double share = all == 0 ? 0 : 100.0 * nanoseconds / all;
        double perCall = calls == 0 ? 0 : nanoseconds / 1000.0 / calls;
        string failed = errors == 0 ? "" : errors.ToString(CultureInfo.InvariantCulture);
        text.Append(
            CultureInfo.InvariantCulture,
            $"{share,6:F2} {nanoseconds / 1e9,11:F6} {perCall,11:F1} {calls,9} {failed,9} {name}\n");
    }
}
