using Sandbox.Harness;
using Sandbox.RuntimeTests.Engines;
using Xunit;

namespace Sandbox.RuntimeTests.Docker;

/// <summary>Containers as Docker's users have them, with this runtime as the daemon's default.</summary>
public sealed class DockerTests(DockerDaemon docker) : EngineTests<DockerDaemon>(docker)
{
    private const string Image = ContainerEngine.Image;

    [Fact]
    public void Limits_are_seen_inside_and_change_while_the_container_runs()
    {
        string name = ContainerEngine.NewName();
        Engine.Succeeds(
            "run", "--detach", "--memory", "64m", "--pids-limit", "50", "--name", name, Image, "sleep", "1000");
        Assert.Matches(@"(?m)^Mem: +64 ", Engine.Succeeds("exec", name, "free", "-m"));
        Engine.Succeeds("update", "--memory", "128m", "--memory-swap", "128m", "--cpus", "1", name);
        Assert.Matches(@"(?m)^Mem: +128 ", Engine.Succeeds("exec", name, "free", "-m"));
        Engine.Remove(name);
    }

    [Fact]
    public void A_container_that_is_out_of_memory_is_killed_and_the_daemon_is_told()
    {
        string name = ContainerEngine.NewName();
        HostResult result = Engine.Run(
            "run", "--memory", "32m", "--memory-swap", "32m", "--name", name, Image, "sh", "-c",
            "a=x; while :; do a=$a$a; done");
        Assert.Equal(137, result.Status);
        ContainerEngine.WaitFor(
            () => Engine.Inspect(name, ".State.OOMKilled") == "true", "not seen to be out of memory");
        Engine.Succeeds("rm", name);
    }

    [Fact]
    public void Containers_run_on_while_the_daemon_is_restarted()
    {
        string name = Engine.StartScript("trap 'exit 4' TERM; while :; do sleep 0.1; done");
        Engine.Restart();
        Assert.Equal("running", Engine.Inspect(name, ".State.Status"));
        Assert.Equal("in\n", Engine.Succeeds("exec", name, "echo", "in"));
        Engine.Succeeds("stop", "--time", "60", name);
        Assert.Equal("4", Engine.Inspect(name, ".State.ExitCode"));
        Engine.Succeeds("rm", name);
    }

    [Fact]
    public void Programs_run_on_a_bridge() =>
        Assert.Equal("ok\n", Engine.Succeeds("run", "--rm", "--network=bridge", Image, "echo", "ok"));

    [Fact]
    public void Containers_on_the_bridge_reach_each_other()
    {
        string server = ContainerEngine.NewName();
        Engine.Succeeds(
            "run", "--detach", "--network=bridge", "--name", server, Image, "sh", "-c",
            "while :; do echo served | nc -l -p 7777; done");
        string address = Engine.Inspect(server, ".NetworkSettings.IPAddress");
        HostResult answer = new(1, "", "", false, TimeSpan.Zero);
        ContainerEngine.WaitFor(
            () =>
            {
                answer = Engine.Run("run", "--rm", "--network=bridge", Image, "nc", "-w", "10", address, "7777");
                return answer.Status == 0;
            },
            "no answer over the bridge");
        Assert.Equal("served\n", answer.Output);
        Engine.Remove(server);
    }

    [Fact]
    public void A_health_check_runs_in_the_container()
    {
        string name = ContainerEngine.NewName();
        Engine.Succeeds(
            "run", "--detach", "--name", name, "--health-cmd", "test -e /healthy", "--health-interval", "1s",
            "--health-retries", "1",
            Image, "sleep", "1000");
        ContainerEngine.WaitFor(
            () => Engine.Inspect(name, ".State.Health.Status") == "unhealthy", "not seen to be unhealthy");
        Engine.Succeeds("exec", name, "touch", "/healthy");
        ContainerEngine.WaitFor(
            () => Engine.Inspect(name, ".State.Health.Status") == "healthy", "not seen to be healthy");
        Engine.Remove(name);
    }

    protected override void CheckTopAndStats(string name)
    {
        string top = Engine.Succeeds("top", name);
        Assert.Contains("trap", top, StringComparison.Ordinal);
        Assert.Contains("sleep 1234", top, StringComparison.Ordinal);
        Assert.Equal(3, top.TrimEnd('\n').Split('\n').Length);
        Assert.StartsWith(name, Engine.Succeeds("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", name),
            StringComparison.Ordinal);
    }
}
