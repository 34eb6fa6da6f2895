using Xunit;

namespace Sandbox.RuntimeTests.Containerd;

/// <summary>Limits of a pod's containers, each its own, in one Sentry.</summary>
public sealed class PodLimitTests(CriFixture fixture) : IClassFixture<CriFixture>
{
    private const long Mebibyte = 1 << 20;

    /// <summary>Grows to some hundred megabytes and stays.</summary>
    private const string Hog = "x=$(head -c 200000000 /dev/zero | tr '\\0' x); sleep 1000";

    [Fact]
    public void A_container_that_runs_out_of_memory_is_told_as_such_and_the_rest_of_the_pod_lives()
    {
        HostCgroups.NeedMemory();
        using Pod pod = new(fixture.Cri, fixture.Daemon.Folder["logs"]);
        string neighbour = pod.Run("neighbour", "sleep", "1000");
        string hog = pod.Create("hog", Memory(32), ["sh", "-c", Hog]);
        pod.Start(hog);
        Assert.Equal(137, pod.WaitForEnd(hog).ExitCode);
        for (int attempt = 0; attempt < 1200 && pod.Status(hog).Reason != "OOMKilled"; attempt++)
            Thread.Sleep(50); // The event and the end come by different ways.
        Assert.Equal("OOMKilled", pod.Status(hog).Reason);
        Assert.Equal("RUNNING", pod.Status(neighbour).State);
        Assert.Equal("alive\n", pod.ExecOutput(neighbour, "echo", "alive"));
        Assert.Equal(0, pod.WaitForEnd(pod.Run("after", "true")).ExitCode);
    }

    [Fact]
    public void Each_container_sees_its_own_memory_and_tasks()
    {
        HostCgroups.NeedMemory();
        using Pod pod = new(fixture.Cri, fixture.Daemon.Folder["logs"]);
        string small = pod.Create("small", Memory(64), ["sleep", "1000"]), big = pod.Create("big", Memory(128), ["sleep", "1000"]);
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
