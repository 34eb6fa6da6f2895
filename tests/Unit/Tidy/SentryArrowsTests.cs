using System.Reflection;
using Xunit;

namespace Sandbox.UnitTests.Tidy;

/// <summary>
/// Which folder (namespace) of the sentry may use which: a namespace may use its own level's namesakes and everything
/// below. Read from the compiled assembly, method bodies included, so that no spelling of a type name escapes.
/// </summary>
public sealed class SentryArrowsTests
{
    private const string Root = "Sandbox.Sentry";

    /// <summary>Lowest first. Namespaces on one line are neighbours and must not use each other.</summary>
    private static readonly string[][] _levels =
    [
        ["Diagnostics"],
        ["Sync", "Security"],
        ["Memory"],
        ["Network"],
        ["Vfs"],
        ["Kernel"],
        ["Filesystems", "Sockets"],
        ["Loader"],
        ["Syscalls"],
        ["Control"],
        [""],
    ];

    [Fact]
    public void Every_namespace_of_the_sentry_uses_only_what_stands_below_it()
    {
        SortedSet<string> findings = [];
        foreach ((Type user, Type used, string where) in Uses())
        {
            string from = FolderOf(user), to = FolderOf(used);
            if (from == to)
                continue;
            int fromLevel = LevelOf(from), toLevel = LevelOf(to);
            if (fromLevel < 0)
                findings.Add($"{user.Namespace}: the folder has no place in the order of this test");
            else if (toLevel >= fromLevel)
                findings.Add($"{from} must not use {to}: {user.Name}.{where} uses {used.Name}");
        }

        Expect.Nothing(findings);
    }

    /// <summary>
    /// Rooms of one folder that use each other. The kernel's are bound by nature (a task has signals, a signal finds
    /// tasks), and a folder's own root ("Kernel", "Sockets") puts its rooms together. The list may only become shorter.
    /// </summary>
    private static readonly Dictionary<string, string[]> _neighbours = new()
    {
        ["Kernel"] =
        [
            "Kernel.Containers", "Kernel.Futex", "Kernel.Namespaces", "Kernel.PosixQueues", "Kernel.Processes",
            "Kernel.Signals",
            "Kernel.Tasks", "Kernel.Timers",
        ],
        ["Kernel.Containers"] =
        [
            "Kernel", "Kernel.Namespaces", "Kernel.Processes", "Kernel.Signals", "Kernel.Tasks",
        ],
        ["Kernel.Futex"] = ["Kernel", "Kernel.Namespaces", "Kernel.Tasks"],
        ["Kernel.Namespaces"] =
        [
            "Kernel.Containers", "Kernel.PosixQueues", "Kernel.Processes", "Kernel.SystemV", "Kernel.Tasks",
        ],
        ["Kernel.PosixQueues"] = ["Kernel", "Kernel.Namespaces", "Kernel.Processes", "Kernel.Signals", "Kernel.Tasks"],
        ["Kernel.Processes"] =
        [
            "Kernel", "Kernel.Containers", "Kernel.Namespaces", "Kernel.Ptrace", "Kernel.Signals", "Kernel.Tasks",
            "Kernel.Timers",
        ],
        ["Kernel.Ptrace"] = ["Kernel", "Kernel.Namespaces", "Kernel.Processes", "Kernel.Signals", "Kernel.Tasks"],
        ["Kernel.Seccomp"] = ["Kernel", "Kernel.Namespaces", "Kernel.Processes", "Kernel.Signals", "Kernel.Tasks"],
        ["Kernel.Shortcuts"] =
        [
            "Kernel", "Kernel.Namespaces", "Kernel.Processes", "Kernel.Ptrace", "Kernel.Seccomp", "Kernel.Tasks",
            "Kernel.Timers",
        ],
        ["Kernel.Signals"] =
        [
            "Kernel", "Kernel.Containers", "Kernel.Namespaces", "Kernel.Processes", "Kernel.Ptrace", "Kernel.Tasks",
            "Kernel.Timers",
        ],
        ["Kernel.SystemV"] = ["Kernel.Namespaces", "Kernel.Processes", "Kernel.Tasks"],
        ["Kernel.Tasks"] =
        [
            "Kernel", "Kernel.Containers", "Kernel.Futex", "Kernel.Namespaces", "Kernel.Processes", "Kernel.Ptrace",
            "Kernel.Seccomp",
            "Kernel.Shortcuts", "Kernel.Signals", "Kernel.SystemV",
        ],
        ["Kernel.Timers"] = ["Kernel", "Kernel.Namespaces", "Kernel.Processes", "Kernel.Signals", "Kernel.Tasks"],
        ["Network.Tcp"] = ["Network"],
        ["Sockets"] = ["Sockets.Host", "Sockets.Inet", "Sockets.Netlink", "Sockets.Unix"],
        ["Sockets.Host"] = ["Sockets"],
        ["Sockets.Inet"] = ["Sockets"],
        ["Sockets.Netlink"] = ["Sockets"],
        ["Sockets.Unix"] = ["Sockets"],
        ["Filesystems.Overlay"] = ["Filesystems.Tmp"],
        ["Filesystems.Proc"] = ["Filesystems.Proc.Global", "Filesystems.Proc.Tasks"],
        ["Filesystems.Proc.Global"] = ["Filesystems.Proc"],
        ["Filesystems.Proc.Tasks"] = ["Filesystems.Proc"],
        ["Filesystems.Pts"] = ["Filesystems.Tmp"],
    };

    [Fact]
    public void Rooms_of_one_folder_use_only_the_neighbours_they_may() =>
        Expect.Nothing(
            RoomGraph.Of(Root, Root).Differences(_neighbours, static (from, to) => FolderOf(from) == FolderOf(to)));

    /// <summary>The sockets' and the kernel's own circles, and that of /proc; none goes beyond its folder.</summary>
    [Theory]
    [InlineData("Kernel", 13)]
    [InlineData("Sockets", 5)]
    [InlineData("Filesystems", 3)]
    [InlineData("Vfs", 0)]
    [InlineData("Syscalls", 0)]
    public void The_largest_circle_of_a_folder_does_not_grow(string folder, int rooms)
    {
        IReadOnlyList<string> circle = RoomGraph.Of(Root, Root).LargestCircle(room => FolderOf(room) == folder);
        Assert.True(circle.Count == rooms, $"{circle.Count} rooms, not {rooms}: {string.Join(", ", circle)}");
    }

    private static string FolderOf(string room) => room.Split('.')[0];

    [Fact]
    public void The_sentry_names_no_class_of_a_particular_platform()
    {
        SortedSet<string> findings = [];
        foreach ((Type user, Type used, string where) in Uses(ofAssembly: "Sandbox.Platform"))
        {
            if (used.Namespace is { } space && (space.Contains(".Notify") || space.Contains(".Ptrace")
                || space.Contains(".Stubs") || space.Contains(".Shortcuts.")))
                findings.Add($"{user.Name}.{where} uses {used.FullName}");
        }

        Expect.Nothing(findings);
    }

    private static string FolderOf(Type type)
    {
        string space = OutermostOf(type).Namespace ?? string.Empty;
        return space.Length <= Root.Length ? string.Empty : space[(Root.Length + 1)..].Split('.')[0];
    }

    private static Type OutermostOf(Type type)
    {
        while (type.DeclaringType is { } outer)
            type = outer;
        return type;
    }

    private static int LevelOf(string folder) => Array.FindIndex(_levels, level => level.Contains(folder));

    private static IEnumerable<(Type User, Type Used, string Where)> Uses(string ofAssembly = Root)
    {
        foreach (Type user in Assembly.Load(Root).GetTypes())
        {
            // What the compiler adds (embedded attributes, inline arrays, static array data) has no place in the order.
            if (OutermostOf(user).Namespace?.StartsWith(Root, StringComparison.Ordinal) != true)
                continue;
            foreach ((Type mentioned, string where) in TypeMentions.Of(user))
            {
                foreach (Type used in TypeMentions.Flatten(mentioned))
                {
                    if (used.Assembly.GetName().Name == ofAssembly
                        && OutermostOf(used).Namespace?.StartsWith("Sandbox.", StringComparison.Ordinal) == true)
                    {
                        yield return (OutermostOf(user), used, where);
                    }
                }
            }
        }
    }
}
