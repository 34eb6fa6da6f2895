using Xunit;

namespace Sandbox.GuestTests;

/// <summary>Address spaces: mmap and its relatives.</summary>
public sealed class MemoryProgramTests : CProgramTests
{
    public static MatrixTheoryData<string, GuestRunner> Rows => Cross("memory");

    [Theory, MemberData(nameof(Rows))]
    public void Program_sees_what_Linux_shows(string program, GuestRunner kernel) => Run(program, kernel);
}
