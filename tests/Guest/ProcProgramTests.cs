using Xunit;

namespace Sandbox.GuestTests;

/// <summary>What /proc and /dev show.</summary>
public sealed class ProcProgramTests : CProgramTests
{
    public static MatrixTheoryData<string, GuestRunner> Rows => Cross("proc", "dev");

    [Theory, MemberData(nameof(Rows))]
    public void Program_sees_what_Linux_shows(string program, GuestRunner kernel) => Run(program, kernel);
}
