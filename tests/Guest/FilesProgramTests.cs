using Xunit;

namespace Sandbox.GuestTests;

/// <summary>Files, directories, links, permissions, locks.</summary>
public sealed class FilesProgramTests : CProgramTests
{
    public static MatrixTheoryData<string, GuestRunner> Rows => Cross("files");

    [Theory, MemberData(nameof(Rows))]
    public void Program_sees_what_Linux_shows(string program, GuestRunner kernel) => Run(program, kernel);
}
