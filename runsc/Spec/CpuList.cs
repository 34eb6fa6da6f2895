using System.Globalization;
using Sandbox.Runsc.CommandLine;

namespace Sandbox.Runsc.Spec;

/// <summary>CPU numbers as cpuset(7) writes them: "0-3,8".</summary>
internal static class CpuList
{
    private const int NumberMax = 8191;

    /// <summary>The numbers, ascending. Fails naming <paramref name="field"/> if the text is no such list.</summary>
    public static int[] Parse(string text, string field)
    {
        SortedSet<int> numbers = [];
        foreach (string part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            string[] ends = part.Split('-');
            if (ends.Length > 2 || !TryParse(ends[0], out int first) || !TryParse(ends[^1], out int last)
                || last < first)
                throw new Failure($"{field}: \"{text}\" is not a list of CPUs");
            for (int number = first; number <= last; number++)
                numbers.Add(number);
        }

        return [.. numbers];
    }

    private static bool TryParse(string text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number <= NumberMax;
}
