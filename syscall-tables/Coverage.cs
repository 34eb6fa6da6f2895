using System.Globalization;
using System.Text;
using Sandbox.SyscallTables.Families;

namespace Sandbox.SyscallTables;

/// <summary>The syscall table as people and programs read it (<c>runsc syscalls</c>, COVERAGE.md).</summary>
internal static class Coverage
{
    /// <summary>
    /// One row of text: number, name, level, family, and the note with the errno in front for an unsupported call.
    /// </summary>
    internal readonly record struct Line(int Number, string Name, string Level, string Family, string Note);

    /// <summary>All rows in the order of their numbers.</summary>
    public static List<Line> Lines(LinuxX64 table, bool unsupportedOnly = false)
    {
        List<Line> lines = [];
        for (int number = 0; number < LinuxX64.Size; number++)
        {
            if (table[number] is not { } row || (unsupportedOnly && row.Level != SupportLevel.Unsupported))
                continue;
            string note = row.Level == SupportLevel.Unsupported ? $"{row.Error}: {row.Note}" : row.Note;
            lines.Add(new Line(number, row.Name, NameOf(row.Level), row.Family, note));
        }

        return lines;
    }

    /// <summary>How many rows have a level.</summary>
    public static int Count(LinuxX64 table, SupportLevel level)
    {
        int count = 0;
        for (int number = 0; number < LinuxX64.Size; number++)
            count += table[number]?.Level == level ? 1 : 0;
        return count;
    }

    public static string Csv(List<Line> lines)
    {
        StringBuilder text = new("number,name,support,family,note\n");
        foreach (Line line in lines)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"{line.Number},{line.Name},{line.Level},{Quote(line.Family)},{Quote(line.Note)}\n");
        }

        return text.ToString();
    }

    /// <summary>The whole of COVERAGE.md.</summary>
    public static string Markdown(LinuxX64 table)
    {
        int full = Count(table, SupportLevel.Full), partial = Count(table, SupportLevel.Partial);
        int unsupported = Count(table, SupportLevel.Unsupported);
        StringBuilder text = new();
        text.Append("# System calls\n\n");
        text.Append("Made from the rows of the table by `make coverage`; a test fails when it is stale. ");
        text.Append("`runsc syscalls` prints the same for the binary at hand.\n\n");
        text.Append("Every x86-64 call of Linux 6.12 has a row. *Full* means: what its manual page says, as far as a container ");
        text.Append("can see. *Partial* says what is missing. *Unsupported* says what the call answers, and why.\n\n");
        text.Append("| | calls | full | partial | unsupported |\n| --- | --- | --- | --- | --- |\n");
        text.Append(
            CultureInfo.InvariantCulture,
            $"| this table | {full + partial + unsupported} | {full} | {partial} | {unsupported} |\n");
        text.Append("| gVisor (2025, its own table) | 351 | 224 | 64 | 63 |\n\n");
        text.Append(
            "gVisor's table ends before the calls of Linux 5.14 and later; what it does not list is ENOSYS there. ");
        int obsolete = Lines(table).FindAll(static line => line.Family == UnsupportedRows.Obsolete).Count;
        text.Append(
            CultureInfo.InvariantCulture,
            $"{obsolete} of the unsupported calls here are obsolete: Linux 6.12 itself answers ENOSYS.\n");
        foreach (string family in Families(table))
            AppendFamily(text, table, family);
        return text.ToString();
    }

    public static string NameOf(SupportLevel level) => level switch
    {
        SupportLevel.Full => "full",
        SupportLevel.Partial => "partial",
        _ => "unsupported",
    };

    private static void AppendFamily(StringBuilder text, LinuxX64 table, string family)
    {
        text.Append(
            CultureInfo.InvariantCulture, $"\n## {char.ToUpperInvariant(family[0])}{family.AsSpan(1)}\n\n");
        text.Append("| number | call | support | note |\n| --- | --- | --- | --- |\n");
        foreach (Line line in Lines(table))
        {
            if (line.Family == family)
            {
                text.Append(
                    CultureInfo.InvariantCulture,
                    $"| {line.Number} | {line.Name.Replace("_", "\\_", StringComparison.Ordinal)} | {line.Level} | {line.Note} |\n");
            }
        }
    }

    private static List<string> Families(LinuxX64 table)
    {
        List<string> families = [];
        foreach (Line line in Lines(table))
        {
            if (!families.Contains(line.Family))
                families.Add(line.Family);
        }

        families.Sort(StringComparer.Ordinal);
        return families;
    }

    private static string Quote(string text) =>
        text.AsSpan().IndexOfAny(',', '"') < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
