using System.Xml.Linq;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.UnitTests.Tidy;

/// <summary>Which project may refer to which (docs/architecture.md, section 3): read from the project files.</summary>
public sealed class ProjectArrowsTests
{
    private static readonly Dictionary<string, string[]> _allowed = new()
    {
        ["Sandbox.Linux"] = [],
        ["Sandbox.Platform"] = ["Sandbox.Linux"],
        ["Sandbox.Gofer.Protocol"] = ["Sandbox.Linux"],
        ["Sandbox.Gofer"] = ["Sandbox.Gofer.Protocol", "Sandbox.Linux"],
        ["Sandbox.Sentry"] = ["Sandbox.Platform", "Sandbox.Gofer.Protocol", "Sandbox.Linux"],
        ["Sandbox.SyscallTables"] = ["Sandbox.Sentry", "Sandbox.Platform", "Sandbox.Gofer.Protocol", "Sandbox.Linux"],
        ["Sandbox.Runsc"] =
        [
            "Sandbox.SyscallTables", "Sandbox.Sentry", "Sandbox.Gofer", "Sandbox.Platform", "Sandbox.Gofer.Protocol",
            "Sandbox.Linux",
        ],
    };

    [Fact]
    public void Every_project_refers_only_to_what_stands_below_it()
    {
        List<string> findings = [];
        int known = 0;
        foreach ((string name, IReadOnlyList<string> references) in Projects())
        {
            if (!_allowed.TryGetValue(name, out string[]? allowed))
                continue; // tests and perf may see everything
            known++;
            foreach (string reference in references)
            {
                if (!allowed.Contains(reference))
                    findings.Add($"{name} must not refer to {reference}");
            }
        }

        Expect.Nothing(findings);
        Assert.Equal(_allowed.Count, known);
    }

    [Fact]
    public void Nothing_that_ships_refers_to_tests_or_perf()
    {
        List<string> findings = [];
        foreach ((string name, IReadOnlyList<string> references) in Projects())
        {
            if (_allowed.ContainsKey(name))
                findings.AddRange(references.Where(r => !_allowed.ContainsKey(r)).Select(r => $"{name} refers to {r}"));
        }

        Expect.Nothing(findings);
    }

    /// <summary>Only commands use them, never the Sentry or the Gofer: docs/decisions/0007.</summary>
    private static readonly string[] _packages = ["Microsoft.Diagnostics.NETCore.Client", "Tmds.LibC"];

    [Fact]
    public void Only_the_command_line_uses_packages_and_only_those_decided_on()
    {
        List<string> findings = [];
        foreach (string file in ProjectFiles())
        {
            if (!_allowed.ContainsKey(Path.GetFileNameWithoutExtension(file)))
                continue;
            foreach (XElement package in XDocument.Load(file).Descendants("PackageReference"))
            {
                if (package.Attribute("Include")?.Value is { } name
                    && !(Path.GetFileNameWithoutExtension(file) == "Sandbox.Runsc" && _packages.Contains(name)))
                {
                    findings.Add($"{file}: {name}; a sandbox is trusted code: decide it in docs/decisions");
                }
            }
        }

        Expect.Nothing(findings);
    }

    [Fact]
    public void What_the_Sentry_runs_of_the_command_line_makes_no_call_through_Tmds_LibC()
    {
        List<string> findings = [];
        foreach (SourceTree.SourceFile file in SourceTree.Files())
        {
            if ((file.Path.StartsWith("runsc/Boot/", StringComparison.Ordinal)
                || file.Path == "runsc/Launch/BootStatus.cs")
                && file.Lines.Any(static line => line.Contains("Tmds", StringComparison.Ordinal)))
                findings.Add(file.Path);
        }

        Expect.Nothing(findings);
    }

    private static IEnumerable<(string Name, IReadOnlyList<string> References)> Projects()
    {
        foreach (string file in ProjectFiles())
        {
            List<string> references = [];
            foreach (XElement reference in XDocument.Load(file).Descendants("ProjectReference"))
                references.Add(
                    Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value.Replace('\\', '/')));
            yield return (Path.GetFileNameWithoutExtension(file), references);
        }
    }

    private static IEnumerable<string> ProjectFiles()
    {
        foreach (string folder in SourceTree.Folders)
        {
            // Not below artifacts/: the root file systems there have a /dev of their own.
            foreach (string file in Directory.EnumerateFiles(
                Path.Combine(Checkout.Root, folder), "*.csproj", SearchOption.AllDirectories))
                yield return file;
        }
    }
}
