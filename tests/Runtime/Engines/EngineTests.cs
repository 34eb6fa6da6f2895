using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests.Engines;

/// <summary>Containers as the users of an engine have them: what is the same whoever calls the runtime.</summary>
public abstract class EngineTests<TEngine>(TEngine engine) : IClassFixture<TEngine>
    where TEngine : ContainerEngine
{
    private const string Image = ContainerEngine.Image;

    protected TEngine Engine { get; } = engine;

    [Fact]
    public void Run_passes_input_output_and_the_exit_status()
    {
        HostResult result = Engine.RunWithInput(
            "in\n", "run", "--rm", "--interactive", "--network=none", Image, "sh", "-c", "cat; echo err >&2; exit 7");
        Assert.Equal((7, "in\n", "err\n"), (result.Status, result.Output, result.Error));
    }

    [Fact]
    public void What_cannot_be_run_has_the_exit_status_that_tells_why()
    {
        HostResult missing = Engine.Run("run", "--rm", "--network=none", Image, "no-such-program");
        Assert.Equal(127, missing.Status);
        Assert.Contains("executable file not found in $PATH", missing.Error, StringComparison.Ordinal);
        HostResult folder = Engine.Run("run", "--rm", "--network=none", Image, "/etc");
        Assert.Equal(126, folder.Status);
        Assert.Contains("permission denied", folder.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_container_lives_from_run_over_exec_logs_top_stats_and_stop_to_rm()
    {
        string name = Engine.StartScript(
            "echo out; echo err >&2; trap 'echo stopped; exit 3' TERM; while :; do sleep 0.1; done");
        Assert.Equal("running", Engine.Inspect(name, ".State.Status"));
        HostResult exec = Engine.Run(
            "exec", "--env", "A=b", "--workdir", "/tmp", name, "sh", "-c", "echo $A $(pwd); exit 9");
        Assert.Equal((9, "b /tmp\n"), (exec.Status, exec.Output));
        Engine.WaitForLog(name, "out\n");
        Engine.WaitForLog(name, "err\n");
        Engine.Succeeds("exec", "--detach", name, "sleep", "1234");
        ContainerEngine.WaitFor(
            () => Engine.Succeeds(
                "exec", name, "ps").Contains("sleep 1234", StringComparison.Ordinal), "no sleep 1234");
        CheckTopAndStats(name);
        Engine.Succeeds("stop", "--time", "60", name);
        Assert.Equal("exited 3", Engine.Inspect(name, ".State.Status") + " " + Engine.Inspect(name, ".State.ExitCode"));
        Engine.WaitForLog(name, "stopped\n");
        Engine.Succeeds("start", name);
        Assert.Equal("again\n", Engine.Succeeds("exec", name, "echo", "again"));
        Engine.Succeeds("kill", "--signal", "KILL", name);
        Assert.Equal("137\n", Engine.Succeeds("wait", name));
        Engine.Succeeds("rm", name);
        Assert.NotEqual(0, Engine.Run("inspect", name).Status);
    }

    [Fact]
    public void Files_are_copied_into_and_out_of_a_running_container_and_its_changes_become_an_image()
    {
        string name = Engine.StartScript("cat /root/new; echo written > /root/written; exec sleep 1000");
        string local = Engine.Folder["local"];
        ContainerEngine.WaitFor(
            () => Engine.Run("exec", name, "test", "-e", "/root/written").Status == 0, "the container writes nothing");
        Engine.Succeeds("cp", $"{name}:/root/written", local);
        Assert.Equal("written\n", File.ReadAllText(local));
        foreach (string content in (ReadOnlySpan<string>)["first\n", "second\n"])
        {
            File.WriteAllText(local, content);
            Engine.Succeeds("cp", local, $"{name}:/root/new");
            Assert.Equal(content, Engine.Succeeds("exec", name, "cat", "/root/new"));
        }

        Assert.Contains("A /root/written", Engine.Succeeds("diff", name), StringComparison.Ordinal);
        Engine.Succeeds("commit", name, "localhost/committed");
        Assert.Equal("written\n", Engine.Succeeds(
            "run", "--rm", "--network=none", "localhost/committed", "cat", "/root/written"));
        Engine.Remove(name);
    }

    [Fact]
    public void A_paused_container_is_paused_and_goes_on()
    {
        string name = Engine.StartScript("while :; do echo tick; sleep 0.05; done");
        Engine.WaitForLog(name, "tick\n");
        Engine.Succeeds("pause", name);
        Assert.Equal("paused", Engine.Inspect(name, ".State.Status"));
        Engine.Succeeds("unpause", name);
        Assert.Equal("running", Engine.Inspect(name, ".State.Status"));
        int ticks = Engine.Succeeds("logs", name).Length;
        ContainerEngine.WaitFor(() => Engine.Succeeds("logs", name).Length > ticks, "no tick after unpause");
        Engine.Remove(name);
    }

    [Fact]
    public void A_user_a_read_only_root_a_tmpfs_and_volumes_are_what_was_asked_for()
    {
        string volume = Engine.Folder["volume"];
        Directory.CreateDirectory(volume);
        File.WriteAllText(Path.Combine(volume, "file"), "of the host\n");
        string output = Engine.Succeeds(
            "run", "--rm", "--network=none", "--user", "1000:1001", "--read-only", "--tmpfs",
            "/scratch:size=1m,mode=1777",
            "--volume", $"{volume}:/v:ro", Image, "sh", "-c",
            "id -u; id -g; cat /v/file; touch /x || echo no x; touch /v/x || echo no v; echo s > /scratch/s && cat /scratch/s");
        Assert.Equal("1000\n1001\nof the host\nno x\nno v\ns\n", output);
        Engine.Succeeds(
            "run", "--rm", "--network=none", "--volume", $"{volume}:/v", Image, "sh", "-c", "echo new > /v/new");
        Assert.Equal("new\n", File.ReadAllText(Path.Combine(volume, "new")));
    }

    [Fact]
    public void An_init_process_is_the_first_and_a_privileged_container_may_administer()
    {
        string processes = Engine.Succeeds("run", "--rm", "--network=none", "--init", Image, "ps", "-o", "pid,args");
        Assert.Matches($"(?m)^ +1 {Engine.InitPath} ", processes);
        // Which capabilities there are at most is the machine's business;
        // what only a privileged container has is CAP_SYS_ADMIN.
        string capabilities = Engine.Succeeds(
            "run", "--rm", "--network=none", "--privileged", Image, "sed", "-n", "s/^CapEff:\t//p",
            "/proc/self/status");
        Assert.NotEqual(0ul, Convert.ToUInt64(capabilities.Trim(), 16) & (1ul << 21));
    }

    [Fact]
    public void A_memory_limit_and_a_share_of_the_processor_are_seen_inside()
    {
        string output = Engine.Succeeds(
            "run", "--rm", "--network=none", "--memory", "64m", "--cpus", "1", Image, "free", "-m");
        Assert.Matches(@"(?m)^Mem: +64 ", output);
    }

    [Fact]
    public void A_fork_bomb_under_a_pids_limit_ends_by_itself()
    {
        const string bomb = "(while :; do sleep 1000 & done) 2>/dev/null; read n < /sys/fs/cgroup/pids/pids.current "
            + "|| read n < /sys/fs/cgroup/pids.current; echo $n";
        Assert.Equal("29\n", Engine.Succeeds(
            "run", "--rm", "--network=none", "--pids-limit", "30", Image, "sh", "-c", bomb));
    }

    [Fact]
    public void A_terminal_has_its_size_and_the_shell_on_it_ends_with_its_status()
    {
        using HostProgram shell = Engine.StartOnTerminal("run", "--rm", "-it", "--network=none", Image, "sh");
        shell.Type("tty; echo end-$((1+1))\n");
        Assert.True(shell.WaitForOutput("end-2", ContainerEngine.Patience), shell.OutputSoFar);
        Assert.Contains("/dev/", shell.OutputSoFar, StringComparison.Ordinal);
        // The size is set once the engine has been told that the container has begun, maybe after the shell.
        shell.Type("until [ \"$(stty size)\" = '40 100' ]; do sleep 0.1; done; echo size-$((40+60))\n");
        Assert.True(shell.WaitForOutput("size-100", ContainerEngine.Patience), shell.OutputSoFar);
        shell.Type("exit 5\n");
        Assert.Equal(5, shell.Wait(ContainerEngine.Patience).Status);
    }

    [Theory, InlineData("none"), InlineData("host")]
    public void Programs_run_whatever_network_is_asked_for(string network) =>
        Assert.Equal("ok\n", Engine.Succeeds("run", "--rm", "--network", network, Image, "echo", "ok"));

    /// <summary>
    /// top and stats of a container that runs a shell with a trap and <c>sleep 1234</c>:
    /// each engine has its own columns.
    /// </summary>
    protected abstract void CheckTopAndStats(string name);
}
