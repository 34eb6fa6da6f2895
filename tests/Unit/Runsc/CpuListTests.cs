using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Spec;
using Xunit;

namespace Sandbox.UnitTests.Runsc;

/// <summary>Lists of CPUs in configurations.</summary>
public sealed class CpuListTests
{
    [Theory]
    [InlineData("0", new[] { 0 })]
    [InlineData("0-3,8", new[] { 0, 1, 2, 3, 8 })]
    [InlineData(" 5, 1-2,2 ", new[] { 1, 2, 5 })]
    public void Numbers_and_ranges_are_read_in_order(string text, int[] expected) =>
        Assert.Equal(expected, CpuList.Parse(text, "cpus"));

    [Theory]
    [InlineData("a")]
    [InlineData("3-1")]
    [InlineData("1-2-3")]
    [InlineData("0-99999999")]
    [InlineData("-1")]
    public void Anything_else_is_refused_by_name(string text) =>
        Assert.Contains("cpus", Assert.Throws<Failure>(() => CpuList.Parse(text, "cpus")).Message);
}
