using Xunit;

namespace Sandbox.GuestTests;

/// <summary>Signals, from kill(2) to faults of the CPU.</summary>
public sealed class SignalProgramTests : CProgramTests
{
    public static MatrixTheoryData<string, GuestRunner> Rows => Cross("signal");

    [Theory, MemberData(nameof(Rows))]
    public void Program_sees_what_Linux_shows(string program, GuestRunner kernel) => Run(program, kernel);
}
