using System.Text.RegularExpressions;
using Xunit;

namespace Sandbox.UnitTests.Tidy;

/// <summary>
/// Which room of platform/Execution may use which. The contract ("") uses nothing; a platform and the shortcuts of
/// calls see each other only through the interfaces in Shortcuts itself.
/// </summary>
public sealed partial class PlatformArrowsTests
{
    private const string Root = "Sandbox.Platform";

    private static readonly Dictionary<string, string[]> _allowed = new()
    {
        ["Stubs"] = ["", "Spawn"],
        ["Notify"] = ["", "Filters", "Shortcuts", "Stubs"],
        ["Ptrace"] = ["", "Filters", "Stubs"],
        ["Shortcuts"] = ["", "Stubs"],
        ["Shortcuts.Page"] = ["", "Shortcuts", "Stubs"],
        ["Shortcuts.Leases"] = ["Shortcuts", "Shortcuts.Page"],
        ["Shortcuts.Rewriting"] = ["Shortcuts", "Shortcuts.Page", "Stubs"],
        ["Shortcuts.Polling"] = ["", "Shortcuts", "Shortcuts.Leases", "Shortcuts.Page", "Shortcuts.Rewriting", "Stubs"],
        ["Shortcuts.Setup"] =
        [
            "", "Shortcuts", "Shortcuts.Leases", "Shortcuts.Page", "Shortcuts.Polling", "Shortcuts.Rewriting", "Stubs",
        ],
    };

    [Fact]
    public void Every_room_of_the_platform_uses_exactly_those_it_may() =>
        Expect.Nothing(RoomGraph.Of(Root, Root).Differences(_allowed, static (_, _) => true));

    /// <summary>Whoever else names a platform cannot do with another.</summary>
    [Fact]
    public void Only_the_composition_root_names_a_platform()
    {
        string[] mayNameNotify = ["runsc/Boot/PlatformChoice.cs", "runsc/Boot/SentryMain.cs"];
        List<string> findings = [];
        int named = 0;
        foreach (SourceTree.SourceFile file in SourceTree.Files())
        {
            if (file.Path.StartsWith("tests/", StringComparison.Ordinal)
                || file.Path.StartsWith("perf/", StringComparison.Ordinal))
            {
                continue;
            }

            foreach ((int number, string text) in file.Code())
            {
                if (PlatformName().Match(text) is not { Success: true } match)
                    continue;
                string room = match.Groups["room"].Value;
                named++;
                bool isOwn = file.Path.StartsWith($"platform/Execution/{room}/", StringComparison.Ordinal);
                if (!isOwn && !mayNameNotify.Take(room == "Notify" ? 2 : 1).Contains(file.Path))
                    findings.Add($"{file.Path}:{number} names {match.Value}");
            }
        }

        Expect.Nothing(findings);
        Assert.True(named > 20, $"only {named} lines name a platform");
    }

    [GeneratedRegex(@"\b(Sandbox\.Platform\.(?<room>Notify|Ptrace)\b|(?<room>Notify|Ptrace)Platform)")]
    private static partial Regex PlatformName();

    [Fact]
    public void No_rooms_of_the_platform_form_a_circle() =>
        Expect.Nothing(RoomGraph.Of(Root, Root).LargestCircle(static _ => true));
}
