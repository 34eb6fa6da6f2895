using Xunit;

namespace Sandbox.GuestTests;

/// <summary>Pseudo-terminals and job control.</summary>
public sealed class TerminalProgramTests : CProgramTests
{
    public static MatrixTheoryData<string, GuestRunner> Rows => Cross("pty");

    [Theory, MemberData(nameof(Rows))]
    public void Program_sees_what_Linux_shows(string program, GuestRunner kernel) => Run(program, kernel);
}
