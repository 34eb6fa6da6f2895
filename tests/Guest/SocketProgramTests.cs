using Xunit;

namespace Sandbox.GuestTests;

/// <summary>Sockets of the UNIX domain.</summary>
public sealed class SocketProgramTests : CProgramTests
{
    public static MatrixTheoryData<string, GuestRunner> Rows => Cross("socket");

    [Theory, MemberData(nameof(Rows))]
    public void Program_sees_what_Linux_shows(string program, GuestRunner kernel) => Run(program, kernel);
}
