using Sandbox.RuntimeTests.Engines;
using Xunit;

namespace Sandbox.RuntimeTests.Docker;

/// <summary>Limits as Docker sets and watches them.</summary>
public sealed class DockerLimitTests(DockerDaemon docker) : IClassFixture<DockerDaemon>
{
    private const string Image = ContainerEngine.Image;

    [Fact]
    public void A_container_that_runs_out_of_memory_is_marked_as_such()
    {
        HostCgroups.NeedMemory();
        string name = ContainerEngine.NewName();
        // Not at once: the shim watches for want of memory only when start has returned.
        docker.Succeeds(
            "run", "--detach", "--network=none", "--memory", "32m", "--name", name, Image,
            "sh", "-c", "until [ -e /go ]; do sleep 0.1; done; exec tail /dev/zero");
        docker.Succeeds("exec", name, "touch", "/go");
        Assert.Equal("137\n", docker.Succeeds("wait", name));
        for (int attempt = 0; attempt < 600 && docker.Inspect(name, ".State.OOMKilled") != "true"; attempt++)
            Thread.Sleep(50); // The event and the end come by different ways.
        Assert.Equal("true", docker.Inspect(name, ".State.OOMKilled"));
        docker.Succeeds("rm", name);
    }

    [Fact]
    public void Update_is_seen_inside_at_once()
    {
        HostCgroups.NeedMemory();
        string name = ContainerEngine.NewName();
        docker.Succeeds("run", "--detach", "--network=none", "--memory", "64m", "--name", name, Image, "sleep", "1000");
        docker.Succeeds("update", "--memory", "128m", "--memory-swap", "128m", name);
        Assert.Matches(@"(?m)^Mem: +128 ", docker.Succeeds("exec", name, "free", "-m"));
        docker.Succeeds("update", "--pids-limit", "77", name);
        Assert.Contains("77", docker.Succeeds(
            "exec", name, "sh", "-c", "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; true"));
        docker.Remove(name);
    }
}
