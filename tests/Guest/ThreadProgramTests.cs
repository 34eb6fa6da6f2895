using Xunit;

namespace Sandbox.GuestTests;

/// <summary>Threads and futexes.</summary>
public sealed class ThreadProgramTests : CProgramTests
{
    public static MatrixTheoryData<string, GuestRunner> Rows => Cross("thread");

    [Theory, MemberData(nameof(Rows))]
    public void Program_sees_what_Linux_shows(string program, GuestRunner kernel) => Run(program, kernel);
}
