using System.Reflection;
using System.Threading.Tasks;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

namespace Sandbox.GuestTests;

/// <summary>
/// The rows of a family: each of its programs on Linux and in each variant of the sandbox. The kernel is a trait too,
/// so that `-trait kernel=NAME` runs one of them alone.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ProgramRowsAttribute : DataAttribute
{
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(
        MethodInfo testMethod, DisposalTracker disposalTracker)
    {
        string family = testMethod.ReflectedType!.GetCustomAttribute<FamilyAttribute>()!.Name;
        List<ITheoryDataRow> rows = [];
        foreach (string program in Programs(family))
        {
            foreach (GuestRunner kernel in GuestRunner.KernelsOf(family))
            {
                rows.Add(new TheoryDataRow<string, GuestRunner>(program, kernel)
                {
                    TestDisplayName = $"{program} on {kernel}",
                    Traits = { ["kernel"] = [kernel.ToString()] },
                });
            }
        }

        return new ValueTask<IReadOnlyCollection<ITheoryDataRow>>(rows);
    }

    public override bool SupportsDiscoveryEnumeration() => true;

    private static List<string> Programs(string family)
    {
        List<string> programs = [];
        foreach (string file in Directory.GetFiles(Path.Combine(ProgramTests.Folder, family), "*.c"))
            programs.Add($"{family}/{Path.GetFileNameWithoutExtension(file)}");
        programs.Sort(StringComparer.Ordinal);
        return programs;
    }
}
