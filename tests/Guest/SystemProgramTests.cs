using Xunit;

namespace Sandbox.GuestTests;

/// <summary>Clocks, timers, limits, identity and the rest.</summary>
public sealed class SystemProgramTests : CProgramTests
{
    public static MatrixTheoryData<string, GuestRunner> Rows => Cross("time", "system", "limit");

    [Theory, MemberData(nameof(Rows))]
    public void Program_sees_what_Linux_shows(string program, GuestRunner kernel) => Run(program, kernel);
}
