using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests.Docker;

/// <summary>Containers as Docker's users have them, with this runtime as the daemon's default.</summary>
public sealed class DockerTests(DockerDaemon docker) : IClassFixture<DockerDaemon>
{
    private const string Image = "localhost/busybox";

    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(2);

    [Fact]
    public void Run_passes_input_output_and_the_exit_status()
    {
        HostResult result = docker.RunWithInput(
            "in\n", "run", "--rm", "--interactive", "--network=none", Image, "sh", "-c", "cat; echo err >&2; exit 7");
        Assert.Equal((7, "in\n", "err\n"), (result.Status, result.Output, result.Error));
    }

    [Fact]
    public void What_cannot_be_run_has_the_exit_status_that_tells_why()
    {
        HostResult missing = docker.Run("run", "--rm", Image, "no-such-program");
        Assert.Equal(127, missing.Status);
        Assert.Contains("executable file not found in $PATH", missing.Error, StringComparison.Ordinal);
        HostResult folder = docker.Run("run", "--rm", Image, "/etc");
        Assert.Equal(126, folder.Status);
        Assert.Contains("permission denied", folder.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_container_lives_from_run_over_exec_logs_top_stats_and_stop_to_rm()
    {
        string name = Start("echo out; echo err >&2; trap 'echo stopped; exit 3' TERM; while :; do sleep 0.1; done");
        Assert.Equal("running", docker.Inspect(name, ".State.Status"));
        HostResult exec = docker.Run("exec", "--env", "A=b", "--workdir", "/tmp", name, "sh", "-c", "echo $A $(pwd); exit 9");
        Assert.Equal((9, "b /tmp\n"), (exec.Status, exec.Output));
        WaitForLog(name, "out\n");
        WaitForLog(name, "err\n");
        docker.Succeeds("exec", "--detach", name, "sleep", "1234");
        WaitFor(() => docker.Succeeds("exec", name, "ps").Contains("sleep 1234", StringComparison.Ordinal), "no sleep 1234");
        string top = docker.Succeeds("top", name);
        Assert.Contains("trap", top, StringComparison.Ordinal);
        Assert.Contains("sleep 1234", top, StringComparison.Ordinal);
        Assert.Equal(3, top.TrimEnd('\n').Split('\n').Length);
        Assert.StartsWith(name, docker.Succeeds("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", name), StringComparison.Ordinal);
        docker.Succeeds("stop", "--time", "60", name);
        Assert.Equal("exited 3", docker.Inspect(name, ".State.Status") + " " + docker.Inspect(name, ".State.ExitCode"));
        WaitForLog(name, "stopped\n");
        docker.Succeeds("start", name);
        Assert.Equal("again\n", docker.Succeeds("exec", name, "echo", "again"));
        docker.Succeeds("kill", "--signal", "KILL", name);
        Assert.Equal("137\n", docker.Succeeds("wait", name));
        docker.Succeeds("rm", name);
        Assert.NotEqual(0, docker.Run("inspect", name).Status);
    }

    [Fact]
    public void Files_are_copied_into_and_out_of_a_running_container_and_its_changes_become_an_image()
    {
        string name = Start("cat /root/new; echo written > /root/written; exec sleep 1000"), local = docker.Folder["local"];
        WaitFor(() => docker.Run("exec", name, "test", "-e", "/root/written").Status == 0, "the container writes nothing");
        docker.Succeeds("cp", $"{name}:/root/written", local);
        Assert.Equal("written\n", File.ReadAllText(local));
        foreach (string content in (ReadOnlySpan<string>)["first\n", "second\n"])
        {
            File.WriteAllText(local, content);
            docker.Succeeds("cp", local, $"{name}:/root/new");
            Assert.Equal(content, docker.Succeeds("exec", name, "cat", "/root/new"));
        }

        Assert.Contains("A /root/written", docker.Succeeds("diff", name), StringComparison.Ordinal);
        docker.Succeeds("commit", name, "committed");
        Assert.Equal("written\n", docker.Succeeds("run", "--rm", "--network=none", "committed", "cat", "/root/written"));
        docker.Succeeds("rm", "--force", name);
    }

    [Fact]
    public void Limits_are_seen_inside_and_change_while_the_container_runs()
    {
        string name = DockerDaemon.NewName();
        docker.Succeeds("run", "--detach", "--memory", "64m", "--pids-limit", "50", "--name", name, Image, "sleep", "1000");
        Assert.Matches(@"(?m)^Mem: +64 ", docker.Succeeds("exec", name, "free", "-m"));
        docker.Succeeds("update", "--memory", "128m", "--memory-swap", "128m", "--cpus", "1", name);
        Assert.Matches(@"(?m)^Mem: +128 ", docker.Succeeds("exec", name, "free", "-m"));
        docker.Succeeds("rm", "--force", name);
    }

    [Fact]
    public void A_container_that_is_out_of_memory_is_killed_and_the_daemon_is_told()
    {
        string name = DockerDaemon.NewName();
        HostResult result = docker.Run(
            "run", "--memory", "32m", "--memory-swap", "32m", "--name", name, Image, "sh", "-c", "a=x; while :; do a=$a$a; done");
        Assert.Equal(137, result.Status);
        WaitFor(() => docker.Inspect(name, ".State.OOMKilled") == "true", "not seen to be out of memory");
        docker.Succeeds("rm", name);
    }

    [Fact]
    public void A_paused_container_is_paused_and_goes_on()
    {
        string name = Start("while :; do echo tick; sleep 0.05; done");
        WaitForLog(name, "tick\n");
        docker.Succeeds("pause", name);
        Assert.Equal("paused", docker.Inspect(name, ".State.Status"));
        docker.Succeeds("unpause", name);
        int ticks = docker.Succeeds("logs", name).Length;
        WaitFor(() => docker.Succeeds("logs", name).Length > ticks, "no tick after unpause");
        docker.Succeeds("rm", "--force", name);
    }

    [Fact]
    public void Containers_run_on_while_the_daemon_is_restarted()
    {
        string name = Start("trap 'exit 4' TERM; while :; do sleep 0.1; done");
        docker.Restart();
        Assert.Equal("running", docker.Inspect(name, ".State.Status"));
        Assert.Equal("in\n", docker.Succeeds("exec", name, "echo", "in"));
        docker.Succeeds("stop", "--time", "60", name);
        Assert.Equal("4", docker.Inspect(name, ".State.ExitCode"));
        docker.Succeeds("rm", name);
    }

    [Fact]
    public void A_user_a_read_only_root_a_tmpfs_volumes_and_an_init_are_what_was_asked_for()
    {
        string volume = docker.Folder["volume"];
        Directory.CreateDirectory(volume);
        File.WriteAllText(Path.Combine(volume, "file"), "of the host\n");
        string output = docker.Succeeds(
            "run", "--rm", "--network=none", "--user", "1000:1001", "--read-only", "--tmpfs", "/scratch:size=1m,mode=1777",
            "--volume", $"{volume}:/v:ro", Image, "sh", "-c",
            "id -u; id -g; cat /v/file; touch /x || echo no x; touch /v/x || echo no v; echo s > /scratch/s && cat /scratch/s");
        Assert.Equal("1000\n1001\nof the host\nno x\nno v\ns\n", output);
        docker.Succeeds("run", "--rm", "--network=none", "--volume", $"{volume}:/v", Image, "sh", "-c", "echo new > /v/new");
        Assert.Equal("new\n", File.ReadAllText(Path.Combine(volume, "new")));
        string processes = docker.Succeeds("run", "--rm", "--init", Image, "ps", "-o", "pid,args");
        Assert.Matches(@"(?m)^ +1 /sbin/docker-init ", processes);
    }

    [Fact]
    public void A_privileged_container_may_administer()
    {
        // Which capabilities there are at most is the machine's business; what only a privileged container has is CAP_SYS_ADMIN.
        string capabilities = docker.Succeeds(
            "run", "--rm", "--privileged", Image, "sed", "-n", "s/^CapEff:\t//p", "/proc/self/status");
        Assert.NotEqual(0ul, Convert.ToUInt64(capabilities.Trim(), 16) & (1ul << 21));
    }

    [Theory, InlineData("none"), InlineData("host"), InlineData("bridge")]
    public void Programs_run_whatever_network_is_asked_for(string network) =>
        Assert.Equal("ok\n", docker.Succeeds("run", "--rm", "--network", network, Image, "echo", "ok"));

    [Fact]
    public void Containers_on_the_bridge_reach_each_other()
    {
        string server = DockerDaemon.NewName();
        docker.Succeeds(
            "run", "--detach", "--network=bridge", "--name", server, Image, "sh", "-c", "while :; do echo served | nc -l -p 7777; done");
        string address = docker.Inspect(server, ".NetworkSettings.IPAddress");
        HostResult answer = new(1, "", "", false, TimeSpan.Zero);
        WaitFor(
            () =>
            {
                answer = docker.Run("run", "--rm", "--network=bridge", Image, "nc", "-w", "10", address, "7777");
                return answer.Status == 0;
            },
            "no answer over the bridge");
        Assert.Equal("served\n", answer.Output);
        docker.Succeeds("rm", "--force", server);
    }

    [Fact]
    public void A_terminal_has_its_size_and_the_shell_on_it_ends_with_its_status()
    {
        using HostProgram shell = docker.StartOnTerminal("run", "--rm", "-it", "--network=none", Image, "sh");
        // The client sets the size once the container has begun, maybe after the shell.
        shell.Type("until [ \"$(stty size)\" = '40 100' ]; do sleep 0.1; done; echo size-$((40+60))\n");
        Assert.True(shell.WaitForOutput("size-100", _patience), shell.OutputSoFar);
        shell.Type("exit 5\n");
        Assert.Equal(5, shell.Wait(_patience).Status);
    }

    [Fact]
    public void A_health_check_runs_in_the_container()
    {
        string name = DockerDaemon.NewName();
        docker.Succeeds(
            "run", "--detach", "--name", name, "--health-cmd", "test -e /healthy", "--health-interval", "1s", "--health-retries", "1",
            Image, "sleep", "1000");
        WaitFor(() => docker.Inspect(name, ".State.Health.Status") == "unhealthy", "not seen to be unhealthy");
        docker.Succeeds("exec", name, "touch", "/healthy");
        WaitFor(() => docker.Inspect(name, ".State.Health.Status") == "healthy", "not seen to be healthy");
        docker.Succeeds("rm", "--force", name);
    }

    private string Start(string script)
    {
        string name = DockerDaemon.NewName();
        docker.Succeeds("run", "--detach", "--network=none", "--name", name, Image, "sh", "-c", script);
        return name;
    }

    private void WaitForLog(string name, string text) => WaitFor(
        () =>
        {
            HostResult logs = docker.Run("logs", name);
            return (logs.Output + logs.Error).Contains(text, StringComparison.Ordinal);
        },
        $"no {text} in the log");

    private static void WaitFor(Func<bool> condition, string failure)
    {
        for (DateTime end = DateTime.UtcNow + _patience; DateTime.UtcNow < end; Thread.Sleep(50))
        {
            if (condition())
                return;
        }

        Assert.Fail(failure);
    }
}
