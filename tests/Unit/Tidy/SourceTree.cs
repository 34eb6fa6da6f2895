using System.Text.RegularExpressions;
using Sandbox.Harness;

namespace Sandbox.UnitTests.Tidy;

/// <summary>The checked-in C# sources, for tests that read them as text.</summary>
internal static partial class SourceTree
{
    /// <summary>The top folders with sources in them.</summary>
    internal static readonly string[] Folders =
        ["platform", "gofer", "sentry", "syscall-tables", "runsc", "tests", "perf"];

    /// <summary>A source file: its path below the root with forward slashes, and its lines.</summary>
    internal sealed record SourceFile(string Path, string[] Lines)
    {
        /// <summary>The lines without comments and without the contents of string literals.</summary>
        public IEnumerable<(int Number, string Text)> Code()
        {
            for (int i = 0; i < Lines.Length; i++)
                yield return (i + 1, LineComment().Replace(StringLiteral().Replace(Lines[i], "\"\""), string.Empty));
        }
    }

    /// <summary>Every .cs file of the repository, build output left out.</summary>
    public static IEnumerable<SourceFile> Files()
    {
        foreach (string folder in Folders)
        {
            string start = Path.Combine(Checkout.Root, folder);
            if (!Directory.Exists(start))
                continue;
            foreach (string file in Directory.EnumerateFiles(start, "*.cs", SearchOption.AllDirectories))
            {
                string path = Path.GetRelativePath(Checkout.Root, file).Replace('\\', '/');
                if (!IsBuildOutput(path))
                    yield return new SourceFile(path, File.ReadAllLines(file));
            }
        }
    }

    /// <summary>True for what a build makes, wherever it lies.</summary>
    public static bool IsBuildOutput(string path) => BuildOutput().IsMatch(path);

    [GeneratedRegex("(^|/)(bin|obj|BenchmarkDotNet\\.Artifacts)/")]
    private static partial Regex BuildOutput();

    [GeneratedRegex("\"(\\\\.|[^\"\\\\])*\"")]
    private static partial Regex StringLiteral();

    [GeneratedRegex("//.*$")]
    private static partial Regex LineComment();
}
