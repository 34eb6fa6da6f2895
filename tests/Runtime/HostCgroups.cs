using Xunit;

namespace Sandbox.RuntimeTests;

/// <summary>The host's cgroups as the tests look at them: version 1, version 2 or both.</summary>
internal static class HostCgroups
{
    private const string Root = "/sys/fs/cgroup";

    /// <summary>The test needs the memory controller, in either version, and the right to use it.</summary>
    public static void NeedMemory() => Assert.SkipUnless(
        Directory.Exists($"{Root}/memory")
            || (File.Exists($"{Root}/cgroup.controllers")
            && File.ReadAllText($"{Root}/cgroup.controllers").Contains("memory")),
        "the host has no memory cgroup");

    /// <summary>
    /// The text of a control file of a group, by the names of version 1 and 2; null if there is neither.
    /// </summary>
    public static string? Read(string group, string controller, string legacy, string unified)
    {
        foreach (string path in (ReadOnlySpan<string>)
            [$"{Root}/{controller}{group}/{legacy}", $"{Root}{group}/{unified}", $"{Root}/unified{group}/{unified}"])
        {
            if (File.Exists(path))
                return File.ReadAllText(path).TrimEnd('\n');
        }

        return null;
    }

    /// <summary>Directories of a group that are left anywhere.</summary>
    public static List<string> Remaining(string group)
    {
        List<string> found = [];
        foreach (string hierarchy in (ReadOnlySpan<string>)[Root, .. Directory.GetDirectories(Root)])
        {
            string parent = Path.GetDirectoryName(hierarchy + group)!;
            if (Directory.Exists(parent))
                found.AddRange(Directory.GetDirectories(parent, Path.GetFileName(group) + "*"));
        }

        return found;
    }
}
