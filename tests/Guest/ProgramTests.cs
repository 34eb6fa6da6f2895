using Sandbox.Harness;
using Xunit;

namespace Sandbox.GuestTests;

/// <summary>
/// The C programs of one folder of Programs/, each on Linux and in every variant of the sandbox: what Linux does is
/// what the sandbox must do. A program prints each expectation that was not met
/// and ends with status 0 if there was none.
/// </summary>
/// <remarks>
/// The build makes one class for every folder (see the project file), so that a program in a folder is all that a new
/// row takes, and so that the folders run side by side.
/// </remarks>
public abstract class ProgramTests
{
    /// <summary>Where the folders of programs are.</summary>
    internal static string Folder { get; } = Path.Combine(Checkout.Root, "tests", "Guest", "Programs");

    /// <param name="program">FAMILY/NAME, as the file below Programs/ is named.</param>
    [Theory, ProgramRows]
    public void Program_sees_what_Linux_shows(string program, GuestRunner kernel)
    {
        HostResult result = kernel.Run(CProgram.Compile(Folder, program));
        if (result.Status != 0 || result.IsTimedOut)
            Assert.Fail($"{program} on {kernel}: {result}");
    }
}
