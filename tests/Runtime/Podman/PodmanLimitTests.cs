using Sandbox.Harness;
using Sandbox.RuntimeTests.Engines;
using Xunit;

namespace Sandbox.RuntimeTests.Podman;

/// <summary>Limits as Podman sets and watches them.</summary>
public sealed class PodmanLimitTests(PodmanEngine podman) : IClassFixture<PodmanEngine>
{
    private const string Image = ContainerEngine.Image;

    [Fact]
    public void A_container_that_runs_out_of_memory_ends_as_killed()
    {
        HostCgroups.NeedMemory();
        string name = ContainerEngine.NewName();
        HostResult result = podman.Run(
            "run", "--network=none", "--memory", "32m", "--name", name, Image,
            "sh", "-c", "x=$(head -c 200000000 /dev/zero | tr '\\0' x); sleep 1000");
        Assert.Equal(137, result.Status);
        // Not State.OOMKilled: this conmon does not write it down on cgroups of version 1, under runc neither.
        Assert.Equal(
            "exited 137\n", podman.Succeeds("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", name));
        podman.Succeeds("rm", name);
    }
}
