using System.Globalization;
using System.Text;
using System.Text.Json;
using Sandbox.Runsc.CommandLine;
using Sandbox.SyscallTables;

namespace Sandbox.Runsc.Commands;

/// <summary><c>syscalls</c>: which system calls there are, and how completely.</summary>
internal static class SyscallsCommand
{
    public static Command Definition { get; } = new()
    {
        Name = "syscalls",
        Summary = "list the system calls and how completely each is supported",
        Flags =
        [
            new("format", FlagKind.Value, "table, json, csv or markdown", Short: "f", Default: "table"),
            new("unsupported", FlagKind.Switch, "only the calls that always fail"),
        ],
        Run = static (_, arguments) =>
        {
            ErrorReport.WriteTo(1, Format(arguments.Get("format") ?? "table", arguments.Has("unsupported")));
            return 0;
        },
    };

    private static string Format(string format, bool unsupportedOnly)
    {
        LinuxX64 table = new();
        return format switch
        {
            "table" => AsTable(table, unsupportedOnly),
            "json" => AsJson(Coverage.Lines(table, unsupportedOnly)),
            "csv" => Coverage.Csv(Coverage.Lines(table, unsupportedOnly)),
            "markdown" when !unsupportedOnly => Coverage.Markdown(table),
            "markdown" => throw new Failure("--unsupported: the markdown document has all calls"),
            _ => throw new Failure($"--format: \"{format}\" is none of table, json, csv, markdown"),
        };
    }

    private static string AsTable(LinuxX64 table, bool unsupportedOnly)
    {
        List<string[]> rows = [["NUMBER", "NAME", "SUPPORT", "FAMILY", "NOTE"]];
        foreach (Coverage.Line line in Coverage.Lines(table, unsupportedOnly))
            rows.Add([line.Number.ToString(CultureInfo.InvariantCulture), line.Name, line.Level, line.Family,
                line.Note]);
        string totals = string.Create(
            CultureInfo.InvariantCulture,
            $"{Coverage.Count(table, SupportLevel.Full)} full, {Coverage.Count(table, SupportLevel.Partial)} partial, {
                Coverage.Count(table, SupportLevel.Unsupported)} unsupported\n");
        return Table.Format(rows) + totals;
    }

    private static string AsJson(List<Coverage.Line> lines)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartArray();
            foreach (Coverage.Line line in lines)
            {
                writer.WriteStartObject();
                writer.WriteNumber("number", line.Number);
                writer.WriteString("name", line.Name);
                writer.WriteString("support", line.Level);
                writer.WriteString("family", line.Family);
                if (line.Note.Length > 0)
                    writer.WriteString("note", line.Note);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        }

        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }
}
