using System.Text.Json;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests;

/// <summary>The commands of an OCI runtime, one by one, as containerd and people use them.</summary>
public sealed class LifecycleTests : ContainerTests
{
    [Fact]
    public void The_exit_status_of_the_container_is_that_of_run()
    {
        Assert.Equal(0, Runsc.RunBundle(Busybox("true"), Minutes(1)).Status);
        Assert.Equal(37, Runsc.RunBundle(Busybox("sh", "-c", "exit 37"), Minutes(1)).Status);
        Assert.Equal(128 + 9, Runsc.RunBundle(Busybox("sh", "-c", "sh -c 'kill -9 $$'; exit $?"), Minutes(1)).Status);
        Assert.Equal(128 + 15, Runsc.RunBundle(
            Busybox("sh", "-c", "trap 'trap - TERM; exit 143' TERM; kill $$"), Minutes(1)).Status);
    }

    [Fact]
    public void Output_error_and_input_pass_through()
    {
        HostResult result = Runsc.RunBundle(Busybox("sh", "-c", "cat; echo err >&2"), Minutes(1), input: "in\nput\n");
        Assert.Equal("in\nput\n", result.Output);
        Assert.Equal("err\n", result.Error);
    }

    [Fact]
    public void Create_start_state_kill_delete_follow_the_specification()
    {
        Bundle bundle = Busybox("sleep", "1000").Write();
        string id = RunscState.NewId(), pidFile = Path.Combine(Runsc.Scratch, "pid");
        Succeeds(Runsc.Run("create", "--bundle", bundle.Folder, "--pid-file", pidFile, id));
        using (JsonDocument state = State(id))
        {
            Assert.Equal("created", state.RootElement.GetProperty("status").GetString());
            Assert.Equal(id, state.RootElement.GetProperty("id").GetString());
            Assert.Equal(bundle.Folder, state.RootElement.GetProperty("bundle").GetString());
            Assert.Equal(File.ReadAllText(pidFile).Trim(), state.RootElement.GetProperty("pid").GetInt32().ToString());
        }

        FailsNaming("already exists", Runsc.Run("create", "--bundle", bundle.Folder, id));
        Succeeds(Runsc.Run("start", id));
        Assert.Equal("running", Status(id));
        FailsNaming("running", Runsc.Run("start", id));
        FailsNaming("running", Runsc.Run("delete", id));
        Assert.Contains(id, Succeeds(Runsc.Run("list")));
        Assert.Contains("sleep", Succeeds(Runsc.Run("ps", id)));
        Succeeds(Runsc.Run("kill", id, "KILL"));
        WaitForStatus(id, "stopped");
        FailsNaming("container not running", Runsc.Run("kill", id, "TERM")); // the words that containerd looks for
        Succeeds(Runsc.Run("delete", id));
        FailsNaming("does not exist", Runsc.Run("state", id));
        FailsNaming("does not exist", Runsc.Run("delete", id));
        Assert.DoesNotContain(id, Succeeds(Runsc.Run("list")));
    }

    [Fact]
    public void Exec_runs_in_the_same_container_and_tells_its_status()
    {
        Bundle bundle = Busybox("sh", "-c", "echo hello > /new; mv /new /shared; exec sleep 1000").Write();
        string id = RunscState.NewId();
        using HostProgram run = Runsc.Start("run", "--bundle", bundle.Folder, id);
        WaitForStatus(id, "running");
        Succeeds(Runsc.Run("exec", id, "sh", "-c", "until test -e /shared; do sleep 0.01; done"));
        Assert.Equal("hello\n", Succeeds(Runsc.Run("exec", id, "cat", "/shared")));
        Assert.Equal(9, Runsc.Run("exec", id, "sh", "-c", "exit 9").Status);
        Assert.Equal("/tmp 1000 x\n", Succeeds(Runsc.Run(
            "exec", "--cwd", "/tmp", "--user", "1000:1000", "--env", "V=x", id, "sh", "-c",
            "echo $(pwd) $(id -u) $V")));
        Assert.Contains("sleep", Succeeds(Runsc.Run("exec", id, "ps")));
        Assert.NotEqual(0, Runsc.Run("exec", id, "no-such-program").Status);
        Succeeds(Runsc.Run("kill", id, "KILL"));
        Assert.Equal(137, run.Wait(Minutes(1)).Status);
        Succeeds(Runsc.Run("delete", "--force", id));
    }

    [Fact]
    public void Signals_of_kill_reach_the_command()
    {
        Bundle bundle = Busybox(
            "sh", "-c", "trap 'echo usr1; exit 5' USR1; echo up; while :; do sleep 0.05; done").Write();
        string id = RunscState.NewId();
        using HostProgram run = Runsc.Start("run", "--bundle", bundle.Folder, id);
        Assert.True(run.WaitForOutput("up", Minutes(1)));
        Succeeds(Runsc.Run("kill", id, "SIGUSR1"));
        HostResult result = run.Wait(Minutes(1));
        Assert.Equal((5, "up\nusr1\n"), (result.Status, result.Output));
    }

    [Fact]
    public void A_terminating_signal_of_run_is_passed_on_to_the_command()
    {
        Bundle bundle = Busybox(
            "sh", "-c", "trap 'echo term; exit 6' TERM; echo up; while :; do sleep 0.05; done").Write();
        using HostProgram run = Runsc.Start("run", "--bundle", bundle.Folder, RunscState.NewId());
        Assert.True(run.WaitForOutput("up", Minutes(1)));
        HostProgram.SignalProcess(run.Pid, 15);
        Assert.Equal(6, run.Wait(Minutes(1)).Status);
    }

    [Fact]
    public void Spec_writes_a_config_that_runs()
    {
        string folder = Path.Combine(Runsc.Scratch, "spec");
        Directory.CreateDirectory(folder);
        Succeeds(HostProgram.Run(Runsc.Command("spec"), Minutes(1), folder));
        using JsonDocument config = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "config.json")));
        Assert.Equal("rootfs", config.RootElement.GetProperty("root").GetProperty("path").GetString());
        Assert.NotEqual(0, HostProgram.Run(Runsc.Command("spec"), Minutes(1), folder).Status); // never overwrites
    }

    [Fact]
    public void Version_and_help_answer()
    {
        Assert.StartsWith("runsc version ", Succeeds(Runsc.Run("--version")));
        Assert.Contains("spec: 1.", Succeeds(Runsc.Run("--version")));
        Assert.Contains("create", Succeeds(Runsc.Run("help")));
    }

    [Fact]
    public void Do_runs_a_command_on_the_hosts_root_without_changing_it()
    {
        string file = Path.Combine(Runsc.Scratch, "host-file");
        File.WriteAllText(file, "host\n");
        Assert.Equal(
            "host\nchanged\n", Succeeds(Runsc.Run("do", "sh", "-c", $"cat {file}; echo changed > {file}; cat {file}")));
        Assert.Equal("host\n", File.ReadAllText(file));
        Assert.Equal(3, Runsc.Run("do", "sh", "-c", "exit 3").Status);
    }

    [Theory]
    [InlineData("{", "config.json")]
    [InlineData("""{"ociVersion":"1.0.2","process":{"args":["sh"],"cwd":"relative"},"root":{"path":"ROOT"}}""", "cwd")]
    [InlineData("""{"ociVersion":"1.0.2","process":{"args":[],"cwd":"/"},"root":{"path":"ROOT"}}""", "args")]
    [InlineData("""{"ociVersion":"1.0.2","process":{"args":["sh"],"cwd":"/"},"root":{"path":"/nowhere-at-all"}}""", "/nowhere-at-all")]
    [InlineData("""{"ociVersion":"1.0.2","process":{"args":["/no/such/program"],"cwd":"/"},"root":{"path":"ROOT"}}""", "/no/such/program")]
    public void A_bad_bundle_is_refused_in_one_line_that_names_the_culprit(string config, string culprit)
    {
        string folder = Path.Combine(Runsc.Scratch, "bad"), id = RunscState.NewId();
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), config.Replace("ROOT", Checkout.BusyboxRoot));
        FailsNaming(culprit, Runsc.Run("run", "--bundle", folder, id));
        FailsNaming("does not exist", Runsc.Run("state", id)); // nothing is left of it
    }

    [Fact]
    public void Bad_command_lines_are_refused()
    {
        FailsNaming("frobnicate", Runsc.Run("frobnicate"));
        FailsNaming("no-such-flag", Runsc.Run("--no-such-flag", "list"));
        FailsNaming("does not exist", Runsc.Run("start", "no-such-container"));
        FailsNaming("../escape", Runsc.Run("run", "--bundle", Busybox("true").Write().Folder, "../escape"));
        FailsNaming("config.json", Runsc.Run("run", "--bundle", Runsc.Scratch, RunscState.NewId()));
    }

    private JsonDocument State(string id) => JsonDocument.Parse(Succeeds(Runsc.Run("state", id)));
}
