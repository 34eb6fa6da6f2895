using Xunit;

namespace Sandbox.GuestTests;

/// <summary>Processes: fork, exec, wait, groups, sessions.</summary>
public sealed class ProcessProgramTests : CProgramTests
{
    public static MatrixTheoryData<string, GuestRunner> Rows => Cross("process");

    [Theory, MemberData(nameof(Rows))]
    public void Program_sees_what_Linux_shows(string program, GuestRunner kernel) => Run(program, kernel);
}
