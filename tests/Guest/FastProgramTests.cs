using Xunit;

namespace Sandbox.GuestTests;

/// <summary>
/// Programs that make the same calls over and over: the sandbox may take a shortcut then, which the program must not see.
/// </summary>
public sealed class FastProgramTests : CProgramTests
{
    public static MatrixTheoryData<string, GuestRunner> Rows => new(
        ["fast_calls", "fast_data", "fast_files", "fast_waits"], [GuestRunner.Linux, GuestRunner.Sandbox, GuestRunner.Notified]);

    [Theory, MemberData(nameof(Rows))]
    public void Program_sees_what_Linux_shows(string program, GuestRunner kernel) => Run(program, kernel);
}
