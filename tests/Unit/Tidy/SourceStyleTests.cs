using System.Text.RegularExpressions;
using Xunit;

namespace Sandbox.UnitTests.Tidy;

/// <summary>The rules of style that a machine can read off the text of the sources.</summary>
public sealed partial class SourceStyleTests
{
    private const string Here = "tests/Unit/Tidy/";
    private const int MaxLines = 500, MaxColumns = 140;

    /// <summary>Plain lists of names or numbers, where length is no sign of too many concepts.</summary>
    private static readonly string[] _longByNature = [];

    /// <summary>The files that may skip the garbage collector's transition; each use says why it cannot block.</summary>
    private static readonly string[] _maySuppressTransition = ["platform/Linux/Host/HostSyscall.cs", "platform/Linux/Host/HostClock.cs"];

    [Fact]
    public void No_source_file_is_longer_than_500_lines()
    {
        List<string> findings = [];
        foreach (SourceTree.SourceFile file in SourceTree.Files())
        {
            if (file.Lines.Length > MaxLines && !_longByNature.Contains(file.Path))
                findings.Add($"{file.Path}: {file.Lines.Length} lines; would two concepts part better?");
        }
        Expect.Nothing(findings);
    }

    [Fact]
    public void No_line_runs_out_of_the_window() =>
        // A long literal is somebody's text, often a table that must look just so: only the code around it counts.
        Expect.Nothing(Search(
            static (_, line) => line.Length > MaxColumns && Literal().Replace(line, "\"\"").Length > MaxColumns,
            static file => file.Lines));

    [Fact]
    public void Nothing_is_named_after_what_it_vaguely_does() =>
        Expect.Nothing(SearchCode("", VagueName()));

    [Fact]
    public void Nothing_is_left_for_later_without_saying_so_in_an_issue() =>
        Expect.Nothing(Search(static (_, line) => Unfinished().IsMatch(line), static file => file.Lines, skip: Here));

    [Fact]
    public void Unsafe_code_and_host_libraries_stay_in_platform_and_the_syscall_table()
    {
        List<string> findings = [];
        foreach (string folder in (ReadOnlySpan<string>)["sentry/", "gofer/", "runsc/"])
            findings.AddRange(SearchCode(folder, UnsafeCode()));
        Expect.Nothing(findings);
    }

    [Fact]
    public void The_kernel_uses_no_thread_pool_no_async_no_query_operators_and_no_child_processes()
    {
        List<string> findings = [];
        foreach (string folder in (ReadOnlySpan<string>)["sentry/", "gofer/", "platform/", "syscall-tables/"])
            findings.AddRange(SearchCode(folder, ForbiddenInKernel()));
        Expect.Nothing(findings);
    }

    [Fact]
    public void Every_skipped_collector_transition_is_listed()
    {
        List<string> findings = SearchCode("", SkippedTransition());
        findings.RemoveAll(static finding => finding.StartsWith("tests/", StringComparison.Ordinal)
            || _maySuppressTransition.Any(path => finding.StartsWith(path, StringComparison.Ordinal)));
        Expect.Nothing(findings);
    }

    private static List<string> SearchCode(string folder, Regex pattern)
    {
        List<string> findings = [];
        foreach (SourceTree.SourceFile file in SourceTree.Files())
        {
            if (!file.Path.StartsWith(folder, StringComparison.Ordinal) || file.Path.StartsWith(Here, StringComparison.Ordinal))
                continue;
            foreach ((int number, string text) in file.Code())
            {
                if (pattern.IsMatch(text))
                    findings.Add($"{file.Path}:{number}: {text.Trim()}");
            }
        }
        return findings;
    }

    private static List<string> Search(
        Func<SourceTree.SourceFile, string, bool> isWrong, Func<SourceTree.SourceFile, string[]> lines, string? skip = null)
    {
        List<string> findings = [];
        foreach (SourceTree.SourceFile file in SourceTree.Files())
        {
            if (skip is not null && file.Path.StartsWith(skip, StringComparison.Ordinal))
                continue;
            string[] text = lines(file);
            for (int i = 0; i < text.Length; i++)
            {
                if (isWrong(file, text[i]))
                    findings.Add($"{file.Path}:{i + 1}: {text[i].Trim()}");
            }
        }
        return findings;
    }

    [GeneratedRegex("\"\"\".*\"\"\"|\"(\\\\.|[^\"\\\\])*\"")]
    private static partial Regex Literal();

    [GeneratedRegex(@"\b(class|struct|record|interface|enum)\s+\w*(Manager|Helper|Util|Utils|Utility|Impl)\b")]
    private static partial Regex VagueName();

    [GeneratedRegex(@"NotImplementedException|\bTODO\b(?! \(#\d+)|\bFIXME\b|\bHACK\b|\bXXX\b")]
    private static partial Regex Unfinished();

    [GeneratedRegex(@"\bunsafe\b|\bLibraryImport\b|\bDllImport\b")]
    private static partial Regex UnsafeCode();

    [GeneratedRegex(@"\basync\b|\bawait\b|\bThreadPool\b|using System\.Linq|using System\.Threading\.Tasks"
        + @"|System\.Diagnostics\.Process\b|\bProcess\.Start\b|\bDllImport\b")]
    private static partial Regex ForbiddenInKernel();

    [GeneratedRegex("SuppressGCTransition")]
    private static partial Regex SkippedTransition();
}
