using Xunit;

namespace Sandbox.GuestTests;

/// <summary>
/// Programs that make the same calls over and over: the sandbox may take a shortcut then, which the program must not see.
/// </summary>
public sealed class FastProgramTests : CProgramTests
{
    public static TheoryData<GuestRunner> Rows => new(GuestRunner.Linux, GuestRunner.Sandbox, GuestRunner.Notified);

    [Theory, MemberData(nameof(Rows))]
    public void Program_sees_what_Linux_shows(GuestRunner kernel) => Run("fast_calls", kernel);
}
