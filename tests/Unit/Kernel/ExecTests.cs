using Xunit;

namespace Sandbox.UnitTests.Kernel;

/// <summary>Real programs in a kernel of this process: exec, exit, wait.</summary>
public sealed class ExecTests
{
    [Fact]
    public void A_static_program_runs_and_its_exit_status_comes_back()
    {
        using TestSandbox sandbox = new();
        Assert.Equal(0, sandbox.Run("/busybox", "true"));
    }

    [Fact]
    public void A_shell_exits_with_the_status_it_was_told()
    {
        using TestSandbox sandbox = new();
        Assert.Equal(7 << 8, sandbox.Run("/busybox", "sh", "-c", "exit 7"));
    }
}
