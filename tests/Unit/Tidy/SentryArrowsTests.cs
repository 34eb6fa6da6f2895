using System.Reflection;
using Xunit;

namespace Sandbox.UnitTests.Tidy;

/// <summary>
/// Which folder (namespace) of the sentry may use which: a namespace may use its own level's namesakes and everything below.
/// Read from the compiled assembly, method bodies included, so that no spelling of a type name escapes.
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

    [Fact]
    public void The_sentry_names_no_class_of_a_particular_platform()
    {
        SortedSet<string> findings = [];
        foreach ((Type user, Type used, string where) in Uses(ofAssembly: "Sandbox.Platform"))
        {
            if (used.Namespace is { } space && (space.Contains(".Notify") || space.Contains(".Ptrace") || space.Contains(".Stubs") || space.Contains(".Shortcuts.")))
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
