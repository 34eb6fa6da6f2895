using Xunit;

namespace Sandbox.UnitTests.Tidy;

/// <summary>
/// Which room of platform/Execution may use which. The contract ("") uses nothing; a platform and the shortcuts of
/// calls see each other only through the interfaces in Shortcuts itself.
/// </summary>
public sealed class PlatformArrowsTests
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

    [Fact]
    public void No_rooms_of_the_platform_form_a_circle() =>
        Expect.Nothing(RoomGraph.Of(Root, Root).LargestCircle(static _ => true));
}
