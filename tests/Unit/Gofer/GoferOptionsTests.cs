using Sandbox.Gofer;
using Sandbox.Gofer.Protocol;
using Xunit;

namespace Sandbox.UnitTests.Gofer;

public sealed class GoferOptionsTests
{
    [Fact]
    public void The_command_line_names_sockets_and_roots()
    {
        string root = GoferOptions.RootArgument(8, RootFlags.Writable | RootFlags.DeviceNodes);
        GoferOptions? options = GoferOptions.Parse(
            ["--socket=5", "--socket=6", "--root=7:ro", root, "--proc-fd=9"], out _);
        Assert.NotNull(options);
        Assert.Equal([5, 6], options.Sockets);
        Assert.Equal(new GoferRootOption(7, RootFlags.None), options.Roots[0]);
        Assert.Equal(new GoferRootOption(8, RootFlags.Writable | RootFlags.DeviceNodes), options.Roots[1]);
        Assert.Equal(9, options.ProcFd);
    }

    [Theory]
    [InlineData("--root=7:ro")]
    [InlineData("--socket=5")]
    [InlineData("--socket=5", "--root=7")]
    [InlineData("--socket=5", "--root=7:wo")]
    [InlineData("--socket=-5", "--root=7:ro")]
    [InlineData("--socket=5", "--root=7:ro", "--help")]
    public void What_is_missing_or_unknown_is_said(params string[] arguments)
    {
        Assert.Null(GoferOptions.Parse(arguments, out string problem));
        Assert.NotEmpty(problem);
    }

    [Fact]
    public void The_filter_of_a_read_only_gofer_allows_no_call_that_changes_a_name()
    {
        IReadOnlyCollection<int> calls = GoferFilter.Create(RootFlags.None, 3).Calls;
        Assert.DoesNotContain(Sandbox.Linux.Sys.unlinkat, calls);
        Assert.DoesNotContain(Sandbox.Linux.Sys.mknodat, calls);
        Assert.DoesNotContain(Sandbox.Linux.Sys.socket, calls);
        Assert.DoesNotContain(Sandbox.Linux.Sys.execve, calls);
        Assert.InRange(calls.Count, 20, 60);
    }
}
