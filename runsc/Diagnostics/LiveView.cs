using System.Globalization;
using System.Text;
using Sandbox.Runsc.Commands;

namespace Sandbox.Runsc.Diagnostics;

/// <summary>Collects a session's events and shows them, interval by interval, as a table.</summary>
/// <param name="title">The container's id.</param>
/// <param name="show">Gets each finished table.</param>
internal sealed class LiveView(string title, Action<string> show)
{
    private const int CallsShown = 16;

    // The counter that a sandbox sends last: with it an interval is complete.
    private const string LastCounter = "sentry-cpu";

    private readonly List<(string Title, string Value)> _counters = [];
    private readonly Dictionary<string, long> _before = [];
    private readonly List<CallRow> _calls = [];
    private double _seconds;

    public void Add(TraceEvent told)
    {
        if (told.Kind.Name == "Summary")
            AddCall(told);
        else if (told.Kind.Name == "EventCounters")
            AddCounter(told);
    }

    private void AddCall(TraceEvent told)
    {
        string name = told.Text("name");
        string[] numbers = told.Text("numbers").Split(' ');
        if (numbers.Length != 3 || !TryParse(numbers[0], out long count) || !TryParse(numbers[1], out long median)
            || !TryParse(numbers[2], out long slow))
            return;
        _calls.RemoveAll(one => one.Name == name); // A session begins with two summaries at once.
        long fresh = count - _before.GetValueOrDefault(name);
        _before[name] = count;
        _calls.Add(new CallRow(name, count, fresh, median, slow));
    }

    private void AddCounter(TraceEvent told)
    {
        _seconds = told.Number("IntervalSec");
        bool isRate = told.Has("Increment");
        double value = isRate ? told.Number("Increment") / Math.Max(_seconds, 1e-3) : told.Number("Mean");
        string unit = told.Text("DisplayUnits") + (isRate ? "/s" : string.Empty);
        _counters.Add((told.Text("DisplayName"), $"{Round(value)} {unit}".TrimEnd()));
        if (told.Text("Name") == LastCounter)
            Finish();
    }

    private void Finish()
    {
        StringBuilder text = new(
            $"{title}, every {Math.Max(1, Math.Round(_seconds)).ToString(CultureInfo.InvariantCulture)} s\n\n");
        List<string[]> rows = [];
        foreach ((string name, string value) in _counters)
            rows.Add([name, value]);
        text.Append(Table.Format(rows)).Append('\n');
        _calls.Sort(static (one, other) =>
            other.Fresh != one.Fresh ? other.Fresh.CompareTo(one.Fresh) : other.Count.CompareTo(one.Count));
        rows = [["SYSCALL", "PER SECOND", "TOTAL", "MEDIAN BELOW", "99 % BELOW"]];
        foreach (CallRow call in _calls.GetRange(0, Math.Min(CallsShown, _calls.Count)))
        {
            rows.Add(
            [
                call.Name, Round(call.Fresh / Math.Max(_seconds, 1e-3)),
                call.Count.ToString(CultureInfo.InvariantCulture),
                Time(call.Median), Time(call.Slow),
            ]);
        }

        text.Append(Table.Format(rows));
        _counters.Clear();
        _calls.Clear();
        show(text.ToString());
    }

    private static bool TryParse(string text, out long value) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    private static string Round(double value) =>
        Math.Round(value, value is < 100 and > -100 ? 2 : 0).ToString("#,0.##", CultureInfo.InvariantCulture);

    private static string Time(double nanoseconds)
    {
        const double micro = 1e3, milli = 1e6, whole = 1e9;
        return nanoseconds switch
        {
            0 => "-",
            < milli => $"{Round(nanoseconds / micro)} us",
            < whole => $"{Round(nanoseconds / milli)} ms",
            _ => $"{Round(nanoseconds / whole)} s",
        };
    }

    private readonly record struct CallRow(string Name, long Count, long Fresh, double Median, double Slow);
}
