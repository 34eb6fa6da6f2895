using Xunit;

namespace Sandbox.GuestTests;

/// <summary>Guests that trace each other: ptrace(2).</summary>
public sealed class PtraceProgramTests : CProgramTests
{
    public static MatrixTheoryData<string, GuestRunner> Rows => Cross("ptrace");

    [Theory, MemberData(nameof(Rows))]
    public void Program_sees_what_Linux_shows(string program, GuestRunner kernel) => Run(program, kernel);
}
