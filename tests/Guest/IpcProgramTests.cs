using Xunit;

namespace Sandbox.GuestTests;

/// <summary>Interprocess communication: System V objects and POSIX message queues.</summary>
public sealed class IpcProgramTests : CProgramTests
{
    public static MatrixTheoryData<string, GuestRunner> Rows => Cross("ipc");

    [Theory, MemberData(nameof(Rows))]
    public void Program_sees_what_Linux_shows(string program, GuestRunner kernel) => Run(program, kernel);
}
