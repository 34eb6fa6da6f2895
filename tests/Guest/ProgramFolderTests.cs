using System.Reflection;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.GuestTests;

/// <summary>That no guest program can be forgotten.</summary>
public sealed class ProgramFolderTests
{
    [Fact]
    public void Every_folder_of_programs_is_a_class_of_tests()
    {
        List<string> folders = [], families = [];
        foreach (string folder in Directory.GetDirectories(ProgramTests.Folder))
            folders.Add(Path.GetFileName(folder));
        foreach (Type type in typeof(ProgramTests).Assembly.GetTypes())
        {
            if (type.GetCustomAttribute<FamilyAttribute>() is { } family && type.IsSubclassOf(typeof(ProgramTests))
                && type.IsPublic)
                families.Add(family.Name);
        }

        folders.Sort(StringComparer.Ordinal);
        families.Sort(StringComparer.Ordinal);
        Assert.Equal(folders, families);
    }

    [Fact]
    public void No_program_lies_outside_the_folder_of_a_family()
    {
        List<string> lost = [];
        foreach (string file in Directory.GetFiles(ProgramTests.Folder, "*.c", SearchOption.AllDirectories))
        {
            if (Path.GetRelativePath(ProgramTests.Folder, file).Split('/').Length != 2)
                lost.Add(file);
        }

        Assert.Empty(lost);
    }

    [Fact]
    public void Every_variant_names_families_that_exist()
    {
        foreach (SandboxVariant variant in SandboxVariant.All)
        {
            foreach (string family in variant.Families ?? [])
                Assert.True(Directory.Exists(Path.Combine(ProgramTests.Folder, family)), $"{variant}: {family}");
        }
    }
}
