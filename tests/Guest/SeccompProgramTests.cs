using Xunit;

namespace Sandbox.GuestTests;

/// <summary>Guests that confine themselves: seccomp(2).</summary>
public sealed class SeccompProgramTests : CProgramTests
{
    public static MatrixTheoryData<string, GuestRunner> Rows => Cross("seccomp");

    [Theory, MemberData(nameof(Rows))]
    public void Program_sees_what_Linux_shows(string program, GuestRunner kernel) => Run(program, kernel);
}
