using System.Text.RegularExpressions;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.UnitTests.Tidy;

/// <summary>
/// What the documents say about each other and about the sources still holds: links, decisions, names of classes.
/// </summary>
public sealed partial class DocumentTests
{
    /// <summary>The documents that explain the code by the names of its classes.</summary>
    private static readonly string[] _explaining = [
        "CONTRIBUTING.md", "docs/architecture.md", "docs/glossary.md", "docs/debugging.md"];

    [Fact]
    public void Every_link_to_a_file_leads_to_one()
    {
        List<string> findings = [];
        int links = 0;
        foreach (string document in Documents())
        {
            string folder = Path.GetDirectoryName(Path.Combine(Checkout.Root, document))!;
            foreach (Match link in Link().Matches(WithoutCodeBlocks(document)))
            {
                string target = link.Groups["target"].Value.Split('#')[0];
                if (target.Length == 0 || target.Contains("://", StringComparison.Ordinal))
                    continue;
                links++;
                if (!Path.Exists(Path.GetFullPath(Path.Combine(folder, target))))
                    findings.Add($"{document}: {target}");
            }
        }

        Expect.Nothing(findings);
        Assert.NotEqual(0, links);
    }

    [Fact]
    public void The_index_of_decisions_has_every_record_once_and_in_order()
    {
        const string folder = "docs/decisions";
        List<string> records = [.. Documents()
            .Where(static path =>
                path.StartsWith(folder, StringComparison.Ordinal) && Path.GetFileName(path) != "README.md")
            .Select(static path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
        List<string> listed = [.. IndexRow().Matches(File.ReadAllText(Path.Combine(Checkout.Root, folder, "README.md")))
            .Select(static match => match.Groups["file"].Value)];
        Assert.Equal(records, listed);
    }

    [Fact]
    public void Documents_name_only_classes_and_files_that_there_are()
    {
        HashSet<string> known = [];
        foreach (SourceTree.SourceFile file in SourceTree.Files())
        {
            known.Add(Path.GetFileName(file.Path));
            foreach (string line in file.Lines)
            {
                foreach (Match type in TypeName().Matches(line))
                    known.Add(type.Groups["name"].Value);
            }
        }

        List<string> findings = [];
        foreach (string document in _explaining)
        {
            foreach (Match name in ClassInText().Matches(WithoutCodeBlocks(document)))
            {
                if (!known.Contains(name.Groups["name"].Value))
                    findings.Add($"{document}: {name.Groups["name"].Value}");
            }

            foreach (Match path in PathInText().Matches(WithoutCodeBlocks(document)))
            {
                if (!Path.Exists(Path.Combine(Checkout.Root, path.Groups["path"].Value)))
                    findings.Add($"{document}: {path.Groups["path"].Value}");
            }
        }

        Expect.Nothing(findings);
    }

    private static string WithoutCodeBlocks(string document) =>
        CodeBlock().Replace(File.ReadAllText(Path.Combine(Checkout.Root, document)), string.Empty);

    /// <summary>Every .md file of the repository, by its path below the root.</summary>
    private static IEnumerable<string> Documents()
    {
        foreach (string file in Directory.EnumerateFiles(Checkout.Root, "*.md"))
            yield return Path.GetFileName(file);
        foreach (string folder in (IEnumerable<string>)[.. SourceTree.Folders, "docs"])
        {
            foreach (string file in Directory.EnumerateFiles(
                Path.Combine(Checkout.Root, folder), "*.md", SearchOption.AllDirectories))
            {
                string path = Path.GetRelativePath(Checkout.Root, file);
                if (!SourceTree.IsBuildOutput(path))
                    yield return path;
            }
        }
    }

    [GeneratedRegex(@"\[[^\]]*\]\((?<target>[^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^\| \[\d{4}\]\((?<file>[^)]+)\) \|", RegexOptions.Multiline)]
    private static partial Regex IndexRow();

    [GeneratedRegex(@"\b(class|struct|interface|enum|record|delegate \w+) (?<name>[A-Z]\w+)")]
    private static partial Regex TypeName();

    // `Name`, `Name.Member` or `Name.cs`, alone between backticks.
    [GeneratedRegex(@"`(?<name>I?[A-Z][a-z]\w+(?:\.cs\b)?)(?:\.\w+)*(?:\(\))?`")]
    private static partial Regex ClassInText();

    // `folder/…` below the root of the repository.
    [GeneratedRegex("`(?<path>(platform|gofer|sentry|syscall-tables|runsc|tests|perf|docs)/[A-Za-z0-9_./-]*)`")]
    private static partial Regex PathInText();

    [GeneratedRegex("^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex CodeBlock();
}
