using Sandbox.Harness;
using Xunit;

namespace Sandbox.GuestTests;

/// <summary>
/// Every C program in Programs/, on Linux and in the sandbox: what Linux does is what the sandbox must do. A program
/// prints each expectation that was not met and ends with status 0 if there was none.
/// </summary>
public abstract class CProgramTests
{
    private protected CProgramTests()
    {
    }

    /// <summary>All programs of these families (the part of the name before the underscore) on both kernels.</summary>
    private protected static MatrixTheoryData<string, GuestRunner> Cross(params string[] families)
    {
        List<string> programs = [];
        foreach (string name in CProgram.Names())
        {
            if (Array.Exists(families, family => name.StartsWith($"{family}_", StringComparison.Ordinal)))
                programs.Add(name);
        }
        return new MatrixTheoryData<string, GuestRunner>(programs, [GuestRunner.Linux, GuestRunner.Sandbox]);
    }

    private protected static void Run(string program, GuestRunner kernel)
    {
        HostResult result = kernel.Run(CProgram.Compile(program));
        if (result.Status != 0 || result.IsTimedOut)
            Assert.Fail(result.ToString());
    }
}
