using Xunit;

namespace Sandbox.GuestTests;

/// <summary>Namespaces that guests look at and join.</summary>
public sealed class NamespaceProgramTests : CProgramTests
{
    public static MatrixTheoryData<string, GuestRunner> Rows => Cross("namespace");

    [Theory, MemberData(nameof(Rows))]
    public void Program_sees_what_Linux_shows(string program, GuestRunner kernel) => Run(program, kernel);
}
