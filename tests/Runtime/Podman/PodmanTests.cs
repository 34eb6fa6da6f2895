using System.Text.Json;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests.Podman;

/// <summary>Containers as Podman's users have them, with this runtime behind conmon.</summary>
public sealed class PodmanTests(PodmanEngine podman) : IClassFixture<PodmanEngine>
{
    private const string Image = "localhost/busybox";

    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(2);

    [Fact]
    public void Run_passes_input_output_and_the_exit_status()
    {
        HostResult result = podman.RunWithInput(
            "in\n", "run", "--rm", "--interactive", "--network=none", Image, "sh", "-c", "cat; echo err >&2; exit 7");
        Assert.Equal((7, "in\n", "err\n"), (result.Status, result.Output, result.Error));
    }

    [Fact]
    public void What_cannot_be_run_has_the_exit_status_that_tells_why()
    {
        HostResult missing = podman.Run("run", "--rm", "--network=none", Image, "no-such-program");
        Assert.Equal(127, missing.Status);
        Assert.Contains("executable file not found in $PATH", missing.Error, StringComparison.Ordinal);
        HostResult folder = podman.Run("run", "--rm", "--network=none", Image, "/etc");
        Assert.Equal(126, folder.Status);
        Assert.Contains("permission denied", folder.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_container_lives_from_run_over_exec_logs_top_stats_and_stop_to_rm()
    {
        string name = Start("echo out; echo err >&2; trap 'echo stopped; exit 3' TERM; while :; do sleep 0.1; done");
        Assert.Equal("running", podman.Inspect(name, ".State.Status"));
        HostResult exec = podman.Run("exec", "--env", "A=b", "--workdir", "/tmp", name, "sh", "-c", "echo $A $(pwd); exit 9");
        Assert.Equal((9, "b /tmp\n"), (exec.Status, exec.Output));
        WaitForLog(name, "out\n");
        WaitForLog(name, "err\n");
        Assert.Contains("trap", podman.Succeeds("top", name), StringComparison.Ordinal);
        Assert.Contains("sleep 0.1", podman.Succeeds("top", name, "-o", "args"), StringComparison.Ordinal);
        using (JsonDocument stats = JsonDocument.Parse(podman.Succeeds("stats", "--no-stream", "--format", "json", name)))
            Assert.Equal(name, stats.RootElement[0].GetProperty("name").GetString());
        podman.Succeeds("stop", "--time", "60", name);
        Assert.Equal("exited 3", podman.Inspect(name, ".State.Status") + " " + podman.Inspect(name, ".State.ExitCode"));
        WaitForLog(name, "stopped\n");
        podman.Succeeds("start", name);
        Assert.Equal("again\n", podman.Succeeds("exec", name, "echo", "again"));
        podman.Succeeds("kill", "--signal", "KILL", name);
        Assert.Equal("137\n", podman.Succeeds("wait", name));
        podman.Succeeds("rm", name);
        Assert.NotEqual(0, podman.Run("inspect", name).Status);
    }

    [Fact]
    public void A_paused_container_is_paused_and_goes_on()
    {
        string name = Start("while :; do echo tick; sleep 0.05; done");
        WaitForLog(name, "tick\n");
        podman.Succeeds("pause", name);
        Assert.Equal("paused", podman.Inspect(name, ".State.Status"));
        podman.Succeeds("unpause", name);
        Assert.Equal("running", podman.Inspect(name, ".State.Status"));
        int ticks = podman.Succeeds("logs", name).Length;
        WaitFor(() => podman.Succeeds("logs", name).Length > ticks, "no tick after unpause");
        podman.Succeeds("rm", "--force", "--time", "0", name);
    }

    [Fact]
    public void Files_are_copied_into_and_out_of_a_running_container_and_its_changes_become_an_image()
    {
        string name = Start("cat /root/new; echo written > /root/written; exec sleep 1000"), local = podman.Folder["local"];
        WaitFor(() => podman.Run("exec", name, "test", "-e", "/root/written").Status == 0, "the container writes nothing");
        podman.Succeeds("cp", $"{name}:/root/written", local);
        Assert.Equal("written\n", File.ReadAllText(local));
        foreach (string content in (ReadOnlySpan<string>)["first\n", "second\n"])
        {
            File.WriteAllText(local, content);
            podman.Succeeds("cp", local, $"{name}:/root/new");
            Assert.Equal(content, podman.Succeeds("exec", name, "cat", "/root/new"));
        }

        Assert.Contains("A /root/written", podman.Succeeds("diff", name), StringComparison.Ordinal);
        podman.Succeeds("commit", "--quiet", name, "localhost/committed");
        Assert.Equal("written\n", podman.Succeeds("run", "--rm", "--network=none", "localhost/committed", "cat", "/root/written"));
        podman.Succeeds("rm", "--force", "--time", "0", name);
    }

    [Fact]
    public void A_health_check_runs_in_the_container()
    {
        string name = PodmanEngine.NewName();
        podman.Succeeds(
            "run", "--detach", "--network=none", "--name", name, "--health-cmd", "test -e /healthy", "--health-interval", "disable",
            Image, "sleep", "1000");
        Assert.Equal(1, podman.Run("healthcheck", "run", name).Status);
        podman.Succeeds("exec", name, "touch", "/healthy");
        podman.Succeeds("healthcheck", "run", name);
        podman.Succeeds("rm", "--force", "--time", "0", name);
    }

    [Fact]
    public void A_user_a_read_only_root_a_tmpfs_and_volumes_are_what_was_asked_for()
    {
        string volume = podman.Folder["volume"];
        Directory.CreateDirectory(volume);
        File.WriteAllText(Path.Combine(volume, "file"), "of the host\n");
        string output = podman.Succeeds(
            "run", "--rm", "--network=none", "--user", "1000:1001", "--read-only", "--tmpfs", "/scratch:size=1m,mode=1777",
            "--volume", $"{volume}:/v:ro", Image, "sh", "-c",
            "id -u; id -g; cat /v/file; touch /x || echo no x; touch /v/x || echo no v; echo s > /scratch/s && cat /scratch/s");
        Assert.Equal("1000\n1001\nof the host\nno x\nno v\ns\n", output);
        podman.Succeeds("run", "--rm", "--network=none", "--volume", $"{volume}:/v", Image, "sh", "-c", "echo new > /v/new");
        Assert.Equal("new\n", File.ReadAllText(Path.Combine(volume, "new")));
    }

    [Fact]
    public void An_init_process_is_the_first_and_a_privileged_container_may_administer()
    {
        string processes = podman.Succeeds("run", "--rm", "--network=none", "--init", Image, "ps", "-o", "pid,args");
        Assert.Matches(@"(?m)^ +1 /run/podman-init ", processes);
        // Which capabilities there are at most is the machine's business; what only a privileged container has is CAP_SYS_ADMIN.
        string capabilities = podman.Succeeds(
            "run", "--rm", "--network=none", "--privileged", Image, "sed", "-n", "s/^CapEff:\t//p", "/proc/self/status");
        Assert.NotEqual(0ul, Convert.ToUInt64(capabilities.Trim(), 16) & (1ul << 21));
    }

    [Fact]
    public void A_memory_limit_and_a_share_of_the_processor_are_seen_inside()
    {
        string output = podman.Succeeds("run", "--rm", "--network=none", "--memory", "64m", "--cpus", "1", Image, "free", "-m");
        Assert.Matches(@"(?m)^Mem: +64 ", output);
    }

    [Fact]
    public void A_terminal_has_its_size_and_the_shell_on_it_ends_with_its_status()
    {
        using HostProgram shell = podman.StartOnTerminal("run", "--rm", "-it", "--network=none", Image, "sh");
        shell.Type("stty size; tty; echo end-$((1+1))\n");
        Assert.True(shell.WaitForOutput("end-2", _patience), shell.OutputSoFar);
        Assert.Contains("/dev/", shell.OutputSoFar, StringComparison.Ordinal);
        // conmon sets the size once podman has told it, which may be after the shell has begun.
        shell.Type("until [ \"$(stty size)\" = '40 100' ]; do sleep 0.1; done; echo size-$((40+60))\n");
        Assert.True(shell.WaitForOutput("size-100", _patience), shell.OutputSoFar);
        shell.Type("exit 5\n");
        Assert.Equal(5, shell.Wait(_patience).Status);
    }

    [Fact]
    public void The_containers_of_a_pod_share_a_host_name_and_a_loopback_and_end_one_by_one()
    {
        podman.Load(ContainerImage.Pause(podman.Folder["pause"]));
        string pod = PodmanEngine.NewName(), server = PodmanEngine.NewName(), client = PodmanEngine.NewName();
        podman.Succeeds(
            "pod", "create", "--name", pod, "--network", "none", "--infra-image", "localhost/pause", "--infra-command", "/pause");
        podman.Succeeds(
            "run", "--detach", "--pod", pod, "--name", server, Image, "sh", "-c", "while :; do hostname | nc -l -p 7777; done");
        podman.Succeeds("run", "--detach", "--pod", pod, "--name", client, Image, "sleep", "1000");
        WaitFor(() => podman.Run("exec", client, "nc", "127.0.0.1", "7777").Output == pod + "\n", "no answer over the pod's loopback");
        podman.Succeeds("stop", "--time", "0", server);
        Assert.Equal("alive\n", podman.Succeeds("exec", client, "echo", "alive"));
        podman.Succeeds("start", server);
        Assert.Equal("again\n", podman.Succeeds("exec", server, "echo", "again"));
        podman.Succeeds("pod", "stop", "--time", "0", pod);
        podman.Succeeds("pod", "rm", pod);
        Assert.NotEqual(0, podman.Run("inspect", client).Status);
    }

    [Theory, InlineData("none"), InlineData("host")]
    public void Programs_run_whatever_network_is_asked_for(string network) =>
        Assert.Equal("ok\n", podman.Succeeds("run", "--rm", "--network", network, Image, "echo", "ok"));

    [Fact]
    public void Containers_on_a_bridge_reach_each_other()
    {
        using HostProgram network = HostProgram.Start(["unshare", "--net", "sh", "-c", "echo up; exec sleep 1000"]);
        Assert.True(network.WaitForOutput("up", _patience));
        string server = PodmanEngine.NewName();
        HostResult started = podman.RunInNetworkOf(
            network.Pid, "run", "--detach", "--network=bridge", "--name", server, Image, "sh", "-c",
            "while :; do echo served | nc -l -p 7777; done");
        Assert.True(started.Status == 0, started.ToString());
        string address = podman.Inspect(server, ".NetworkSettings.IPAddress");
        HostResult answer = started;
        WaitFor(
            () =>
            {
                answer = podman.RunInNetworkOf(
                    network.Pid, "run", "--rm", "--network=bridge", Image, "sh", "-c", $"hostname; nc -w 10 {address} 7777");
                return answer.Status == 0;
            },
            "no answer over the bridge");
        Assert.Matches("^[0-9a-f]{12}\nserved\n$", answer.Output);
        podman.RunInNetworkOf(network.Pid, "rm", "--force", "--time", "0", server);
        network.Kill();
    }

    private string Start(string script)
    {
        string name = PodmanEngine.NewName();
        podman.Succeeds("run", "--detach", "--network=none", "--name", name, Image, "sh", "-c", script);
        return name;
    }

    private void WaitForLog(string name, string text) => WaitFor(
        () =>
        {
            HostResult logs = podman.Run("logs", name);
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
