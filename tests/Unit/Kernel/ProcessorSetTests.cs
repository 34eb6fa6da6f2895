using Sandbox.Sentry.Kernel.Containers;
using Xunit;

namespace Sandbox.UnitTests.Kernel;

/// <summary>The CPUs a container's programs are told of.</summary>
public sealed class ProcessorSetTests
{
    [Theory]
    [InlineData(-1, 100_000, new int[0], "0-7")]
    [InlineData(150_000, 100_000, new int[0], "0-1")]
    [InlineData(10_000, 100_000, new int[0], "0")]
    [InlineData(1_000_000, 100_000, new int[0], "0-7")]
    [InlineData(-1, 100_000, new[] { 1, 2, 3, 6 }, "1-3,6")]
    [InlineData(200_000, 100_000, new[] { 1, 3, 6 }, "1,3")]
    [InlineData(-1, 100_000, new[] { 7, 8, 9 }, "7")]
    [InlineData(-1, 100_000, new[] { 64 }, "0")]
    public void The_cpuset_and_what_the_quota_is_worth_decide(
        long quota, long period, int[] processors, string expected)
    {
        ContainerLimits limits = new()
        {
            CpuQuota = quota < 0 ? ContainerLimits.Unlimited : quota, CpuPeriod = period, Processors = processors,
        };
        Assert.Equal(expected, ProcessorSet.Format(ProcessorSet.Allowed(limits, 8)));
    }

    [Fact]
    public void A_mask_has_a_bit_for_each_processor() =>
        Assert.Equal([0x8000_0000_0000_0001, 2], ProcessorSet.Mask([0, 63, 65], 2));
}
