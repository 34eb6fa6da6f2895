using System.Text.RegularExpressions;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.UnitTests.Tidy;

/// <summary>The rules of style that a machine can read off the text of the sources.</summary>
public sealed partial class SourceStyleTests
{
    private const string Here = "tests/Unit/Tidy/";
    private const int MaxLines = 400, MaxFunctionLines = 70;

    /// <summary>As .editorconfig says for people's editors (a test compares them).</summary>
    private const int MaxColumns = 120;

    /// <summary>
    /// Longer than the rule allows: the first is a plain list; of the others each is one concept that has grown.
    /// None may join.
    /// </summary>
    private static readonly string[] _long =
    [
        "platform/Execution/Notify/GuestThread.cs",
        "platform/Linux/Abi/Errno.cs",
        "sentry/Control/SandboxControl.cs",
        "sentry/Filesystems/Gofer/GoferClient.cs",
        "sentry/Filesystems/Pts/LineDiscipline.cs",
        "sentry/Filesystems/Pts/Terminal.cs",
    ];

    /// <summary>
    /// The files that may skip the garbage collector's transition; each use says why it cannot block.
    /// </summary>
    private static readonly string[] _maySuppressTransition = [
        "platform/Linux/Host/HostSyscall.cs", "platform/Linux/Host/HostClock.cs"];

    [Fact]
    public void No_source_file_is_longer_than_400_lines()
    {
        List<string> findings = [];
        foreach (SourceTree.SourceFile file in SourceTree.Files())
        {
            if (file.Lines.Length > MaxLines && !_long.Contains(file.Path))
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
    public void Editors_and_this_test_agree_on_the_width() =>
        Assert.Contains(
            $"max_line_length = {MaxColumns}\n", File.ReadAllText(Path.Combine(Checkout.Root, ".editorconfig")));

    /// <summary>
    /// Between the braces; listings of machine code in the tests are no functions that anybody reads from top to end.
    /// </summary>
    [Fact]
    public void No_function_is_longer_than_70_lines()
    {
        List<string> findings = [];
        foreach (SourceTree.SourceFile file in SourceTree.Files())
        {
            if (file.Path.StartsWith("tests/Unit/Platform/", StringComparison.Ordinal))
                continue;
            foreach ((int first, int lines, string head) in Blocks(file.Lines))
            {
                if (lines > MaxFunctionLines && !TypeHead().IsMatch(head))
                    findings.Add($"{file.Path}:{first}: {lines} lines: {head}");
            }
        }

        Expect.Nothing(findings);
    }

    [Fact]
    public void A_blank_line_follows_every_inner_block()
    {
        List<string> findings = [];
        foreach (SourceTree.SourceFile file in SourceTree.Files())
        {
            bool isText = false; // Inside a raw string literal.
            for (int i = 0; i + 1 < file.Lines.Length; i++)
            {
                string next = file.Lines[i + 1].TrimStart();
                isText ^= file.Lines[i].Split("\"\"\"").Length % 2 == 0;
                if (!isText && file.Lines[i].TrimStart() == "}" && next.Length > 0 && !GoesOn().IsMatch(next))
                    findings.Add($"{file.Path}:{i + 2}: {next}");
            }
        }

        Expect.Nothing(findings);
    }

    /// <summary>One way to ask whether something went well; the pattern is for giving the error a name.</summary>
    [Fact]
    public void An_errno_is_compared_with_an_operator() => Expect.Nothing(SearchCode("", ErrnoPattern()));

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

    /// <summary>
    /// The blocks whose braces stand alone on a line: first line, lines between the braces, the line above.
    /// </summary>
    private static IEnumerable<(int First, int Lines, string Head)> Blocks(string[] lines)
    {
        Stack<(int Indent, int Line, string Head)> open = new();
        for (int i = 0; i < lines.Length; i++)
        {
            string text = lines[i].Trim();
            int indent = lines[i].Length - lines[i].TrimStart().Length;
            if (text == "{")
                open.Push((indent, i, HeadOf(lines, i, indent)));
            if (text != "}")
                continue;
            while (open.TryPeek(out (int Indent, int Line, string Head) inner) && inner.Indent > indent)
                open.Pop();
            if (open.TryPop(out (int Indent, int Line, string Head) block))
                yield return (block.Line + 1, i - block.Line - 1, block.Head);
        }
    }

    private static string HeadOf(string[] lines, int brace, int indent)
    {
        int line = brace - 1;
        while (line > 0 && (lines[line].Length == 0 || lines[line].Length - lines[line].TrimStart().Length > indent))
            line--;
        return line < 0 ? string.Empty : lines[line].Trim();
    }

    private static List<string> SearchCode(string folder, Regex pattern)
    {
        List<string> findings = [];
        foreach (SourceTree.SourceFile file in SourceTree.Files())
        {
            if (!file.Path.StartsWith(folder, StringComparison.Ordinal)
                || file.Path.StartsWith(Here, StringComparison.Ordinal))
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
        Func<SourceTree.SourceFile, string, bool> isWrong, Func<SourceTree.SourceFile, string[]> lines,
        string? skip = null)
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

    [GeneratedRegex(@"\b(class|struct|record|interface|enum|namespace)\b")]
    private static partial Regex TypeHead();

    [GeneratedRegex(
        @"^(\}|else\b|catch\b|finally\b|while \(.*\);|case\b|default\b|#|get\b|set\b|init\b|add\b|remove\b|\)|\]|,)")]
    private static partial Regex GoesOn();

    [GeneratedRegex(@"\bis (not )?Errno\.Ok\b(?! and| or)")]
    private static partial Regex ErrnoPattern();

    [GeneratedRegex("SuppressGCTransition")]
    private static partial Regex SkippedTransition();
}
