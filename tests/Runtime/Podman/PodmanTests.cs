using System.Text.Json;
using Sandbox.Harness;
using Sandbox.RuntimeTests.Engines;
using Xunit;

namespace Sandbox.RuntimeTests.Podman;

/// <summary>Containers as Podman's users have them, with this runtime behind conmon.</summary>
public sealed class PodmanTests(PodmanEngine podman) : EngineTests<PodmanEngine>(podman)
{
    private const string Image = ContainerEngine.Image;

    [Fact]
    public void A_health_check_runs_in_the_container()
    {
        string name = ContainerEngine.NewName();
        Engine.Succeeds(
            "run", "--detach", "--network=none", "--name", name, "--health-cmd", "test -e /healthy",
            "--health-interval", "disable",
            Image, "sleep", "1000");
        Assert.Equal(1, Engine.Run("healthcheck", "run", name).Status);
        Engine.Succeeds("exec", name, "touch", "/healthy");
        Engine.Succeeds("healthcheck", "run", name);
        Engine.Remove(name);
    }

    [Fact]
    public void The_containers_of_a_pod_share_a_host_name_and_a_loopback_and_end_one_by_one()
    {
        Engine.Load(ContainerImage.Pause(Engine.Folder["pause"]));
        string pod = ContainerEngine.NewName(), server = ContainerEngine.NewName(), client = ContainerEngine.NewName();
        Engine.Succeeds(
            "pod", "create", "--name", pod, "--network", "none", "--infra-image", "localhost/pause", "--infra-command",
            "/pause");
        Engine.Succeeds(
            "run", "--detach", "--pod", pod, "--name", server, Image, "sh", "-c",
            "while :; do hostname | nc -l -p 7777; done");
        Engine.Succeeds("run", "--detach", "--pod", pod, "--name", client, Image, "sleep", "1000");
        ContainerEngine.WaitFor(() => Engine.Run(
            "exec", client, "nc", "127.0.0.1", "7777").Output == pod + "\n", "no answer over the pod's loopback");
        Engine.Succeeds("stop", "--time", "0", server);
        Assert.Equal("alive\n", Engine.Succeeds("exec", client, "echo", "alive"));
        Engine.Succeeds("start", server);
        Assert.Equal("again\n", Engine.Succeeds("exec", server, "echo", "again"));
        Engine.Succeeds("pod", "stop", "--time", "0", pod);
        Engine.Succeeds("pod", "rm", pod);
        Assert.NotEqual(0, Engine.Run("inspect", client).Status);
    }

    [Fact]
    public void Containers_on_a_bridge_reach_each_other()
    {
        using HostProgram network = HostProgram.Start(["unshare", "--net", "sh", "-c", "echo up; exec sleep 1000"]);
        Assert.True(network.WaitForOutput("up", ContainerEngine.Patience));
        string server = ContainerEngine.NewName();
        HostResult started = Engine.RunInNetworkOf(
            network.Pid, "run", "--detach", "--network=bridge", "--name", server, Image, "sh", "-c",
            "while :; do echo served | nc -l -p 7777; done");
        Assert.True(started.Status == 0, started.ToString());
        string address = Engine.Inspect(server, ".NetworkSettings.IPAddress");
        HostResult answer = started;
        ContainerEngine.WaitFor(
            () =>
            {
                answer = Engine.RunInNetworkOf(
                    network.Pid, "run", "--rm", "--network=bridge", Image, "sh", "-c",
                    $"hostname; nc -w 10 {address} 7777");
                return answer.Status == 0;
            },
            "no answer over the bridge");
        Assert.Matches("^[0-9a-f]{12}\nserved\n$", answer.Output);
        Engine.RunInNetworkOf(network.Pid, "rm", "--force", "--time", "0", server);
        network.Kill();
    }

    protected override void CheckTopAndStats(string name) => CheckTopAndStats(Engine, name);

    internal static void CheckTopAndStats(PodmanEngine engine, string name)
    {
        Assert.Contains("trap", engine.Succeeds("top", name), StringComparison.Ordinal);
        Assert.Contains("sleep 1234", engine.Succeeds("top", name, "-o", "args"), StringComparison.Ordinal);
        using JsonDocument stats = JsonDocument.Parse(
            engine.Succeeds("stats", "--no-stream", "--format", "json", name));
        Assert.Equal(name, stats.RootElement[0].GetProperty("name").GetString());
    }
}

/// <summary>The same under the ptrace platform, as far as all engines have it.</summary>
public sealed class TracedPodmanTests(TracedPodmanEngine podman) : EngineTests<TracedPodmanEngine>(podman)
{
    protected override void CheckTopAndStats(string name) => PodmanTests.CheckTopAndStats(Engine, name);
}
