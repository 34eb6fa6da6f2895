using Xunit;

namespace Sandbox.RuntimeTests.Containerd;

/// <summary>Limits of a pod's containers, each its own, in one Sentry.</summary>
public sealed class PodLimitTests(CriFixture fixture) : IClassFixture<CriFixture>
{
    private const long Mebibyte = 1 << 20;

    [Fact]
    public void Each_container_sees_its_own_memory_and_tasks()
    {
        HostCgroups.NeedMemory();
        using Pod pod = new(fixture.Cri, fixture.Daemon.Folder["logs"]);
        string small = pod.Create("small", Memory(64), ["sleep", "1000"]), big = pod.Create(
            "big", Memory(128), ["sleep", "1000"]);
        pod.Start(small);
        pod.Start(big);
        Assert.Equal("MemTotal:          65536 kB\n", pod.ExecOutput(small, "grep", "MemTotal", "/proc/meminfo"));
        Assert.Equal("MemTotal:         131072 kB\n", pod.ExecOutput(big, "grep", "MemTotal", "/proc/meminfo"));
        pod.Update(small, Memory(96));
        Assert.Equal("MemTotal:          98304 kB\n", pod.ExecOutput(small, "grep", "MemTotal", "/proc/meminfo"));
        Assert.Equal("MemTotal:         131072 kB\n", pod.ExecOutput(big, "grep", "MemTotal", "/proc/meminfo"));
    }

    /// <summary>CRI's LinuxContainerResources with a limit of memory, and the same of memory and swap.</summary>
    private static ProtoMessage Memory(long mebibytes) =>
        new ProtoMessage().Add(4, mebibytes * Mebibyte).Add(10, mebibytes * Mebibyte);
}
