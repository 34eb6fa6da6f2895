using System.Text.Json;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests;

/// <summary>
/// Command lines as containerd, conmon, dockerd and people write them, and what these look for in the answers.
/// </summary>
public sealed class CommandTests : ContainerTests
{
    [Theory]
    [InlineData("--bundle BUNDLE --pid-file PID ID")]
    [InlineData("-b BUNDLE --pid-file=PID ID")]
    [InlineData("-bundle=BUNDLE -pid-file PID --no-pivot --no-new-keyring ID")]
    [InlineData("--bundle=BUNDLE --pid-file=PID --preserve-fds=0 --no-pivot=true ID")]
    [InlineData("ID --bundle BUNDLE --pid-file PID")]
    public void Create_takes_its_flags_in_every_spelling(string arguments)
    {
        string id = RunscState.NewId(), pidFile = Path.Combine(Runsc.Scratch, "pid");
        string bundle = Busybox("sleep", "1000").Write().Folder;
        string[] words = Array.ConvertAll(
            arguments.Split(' '), word => word.Replace("BUNDLE", bundle).Replace("PID", pidFile).Replace("ID", id));
        Succeeds(Runsc.Run(["create", .. words]));
        Assert.Matches("^[0-9]+$", File.ReadAllText(pidFile));
        Assert.Equal("created", Status(id));
        Succeeds(Runsc.Run("start", id));
        Assert.Equal("running", Status(id));
        Succeeds(Runsc.Run("delete", "-f", id));
    }

    [Fact]
    public void Global_flags_of_all_callers_are_taken()
    {
        string log = Path.Combine(Runsc.Scratch, "log");
        foreach (string flags in (ReadOnlySpan<string>)
            ["--log-format=json --log LOG", "--log LOG --log-format json --systemd-cgroup",
                "--criu criu --rootless=auto --debug=false"])
        {
            string[] words = Array.ConvertAll(flags.Split(' '), word => word.Replace("LOG", log));
            Succeeds(HostProgram.Run([Checkout.Runsc, "--root", Runsc.Root, .. words, "list"], Minutes(1)));
        }
    }

    [Fact]
    public void An_error_is_the_last_record_of_the_log_and_a_line_on_standard_error()
    {
        string log = Path.Combine(Runsc.Scratch, "log");
        File.WriteAllText(log, "{\"level\":\"info\",\"msg\":\"before\",\"time\":\"2026-01-01T00:00:00Z\"}\n");
        foreach (string[] command in (string[][])[["state", "nobody\"s"], ["--no-such-flag", "list"], ["frobnicate"]])
        {
            HostResult result = HostProgram.Run(
                [Checkout.Runsc, "--root", Runsc.Root, "--log", log, "--log-format=json", .. command], Minutes(1));
            Assert.NotEqual(0, result.Status);
            string[] lines = File.ReadAllLines(log);
            Assert.Contains("before", lines[0], StringComparison.Ordinal);
            using JsonDocument record = JsonDocument.Parse(lines[^1]);
            Assert.Equal("error", record.RootElement.GetProperty("level").GetString());
            Assert.Equal(result.Error, $"runsc: {record.RootElement.GetProperty("msg").GetString()}\n");
            Assert.True(record.RootElement.GetProperty("time").TryGetDateTimeOffset(out _));
        }

        Assert.Equal(4, File.ReadAllLines(log).Length);
        string text = Path.Combine(Runsc.Scratch, "text");
        HostProgram.Run([Checkout.Runsc, "--log", text, "state", "nobody"], Minutes(1));
        Assert.Matches("^time=\"[^\"]+\" level=error msg=\".*does not exist\"\n$", File.ReadAllText(text));
    }

    [Fact]
    public void What_follows_a_command_of_exec_is_not_searched_for_flags()
    {
        string id = RunDetached(Busybox("sleep", "1000")), log = Path.Combine(Runsc.Scratch, "log");
        Assert.Equal($"--log {log} -d\n", Succeeds(Runsc.Run("exec", id, "echo", "--log", log, "-d")));
        Assert.NotEqual(0, Runsc.Run("exec", id, "no-such-program", "--log", log).Status);
        Assert.False(File.Exists(log));
    }

    [Fact]
    public void State_and_list_have_the_fields_that_callers_read()
    {
        Assert.Equal("[]\n", Succeeds(Runsc.Run("list", "--format", "json")));
        Bundle bundle = Busybox("sleep", "1000");
        bundle.Config["annotations"] = new System.Text.Json.Nodes.JsonObject { ["some.annotation"] = "value" };
        string id = RunDetached(bundle);
        using JsonDocument state = JsonDocument.Parse(Succeeds(Runsc.Run("state", id)));
        Assert.Equal("1.0.2", state.RootElement.GetProperty("ociVersion").GetString());
        Assert.Equal(id, state.RootElement.GetProperty("id").GetString());
        Assert.Equal("running", state.RootElement.GetProperty("status").GetString());
        Assert.Equal(bundle.Folder, state.RootElement.GetProperty("bundle").GetString());
        Assert.Equal(Checkout.BusyboxRoot, state.RootElement.GetProperty("rootfs").GetString());
        Assert.Equal("value", state.RootElement.GetProperty("annotations").GetProperty("some.annotation").GetString());
        Assert.Equal("root", state.RootElement.GetProperty("owner").GetString());
        Assert.True(state.RootElement.GetProperty("created").TryGetDateTimeOffset(out _));
        int pid = state.RootElement.GetProperty("pid").GetInt32();
        using (JsonDocument list = JsonDocument.Parse(Succeeds(Runsc.Run("list", "-f", "json"))))
            Assert.Equal(
                (1, pid), (list.RootElement.GetArrayLength(), list.RootElement[0].GetProperty("pid").GetInt32()));
        Assert.Equal(id + "\n", Succeeds(Runsc.Run("list", "-q")));
        Assert.Matches(@"^ID +PID +STATUS +BUNDLE +CREATED +OWNER\n", Succeeds(Runsc.Run("list")));
        Succeeds(Runsc.Run("kill", id, "9"));
        WaitForStatus(id, "stopped");
        using JsonDocument stopped = JsonDocument.Parse(Succeeds(Runsc.Run("state", id)));
        Assert.Equal(0, stopped.RootElement.GetProperty("pid").GetInt32());
        Succeeds(Runsc.Run("delete", id));
    }

    [Fact]
    public void Ids_are_matched_exactly_and_cannot_leave_the_root()
    {
        string longer = RunscState.NewId() + "-longer";
        Succeeds(Runsc.Run("run", "--detach", "--bundle", Busybox("sleep", "1000").Write().Folder, longer));
        FailsNaming("does not exist", Runsc.Run("state", longer[..^1]));
        FailsNaming("does not exist", Runsc.Run("kill", longer[..^7], "KILL"));
        foreach (string id in (ReadOnlySpan<string>)["..", "a/b", "", "a b"])
            FailsNaming("container id", Runsc.Run("state", id));
        Succeeds(Runsc.Run("delete", "--force", longer));
    }

    [Fact]
    public void Ps_lists_host_processes_as_JSON_and_guests_as_a_table()
    {
        string id = RunDetached(Busybox("sleep", "1000")), pidFile = Path.Combine(Runsc.Scratch, "exec.pid");
        string init = HostProcessOf(id);
        Assert.Equal($"[{init}]\n", Succeeds(Runsc.Run("ps", "--format", "json", id)));
        Succeeds(Runsc.Run("exec", "-d", "--pid-file", pidFile, id, "sleep", "2000"));
        string exec = File.ReadAllText(pidFile);
        using (JsonDocument both = JsonDocument.Parse(Succeeds(Runsc.Run("ps", "-f", "json", id))))
            Assert.Equal([init, exec], [both.RootElement[0].ToString(), both.RootElement[1].ToString()]);
        Assert.Contains("2000", File.ReadAllText($"/proc/{exec}/cmdline"), StringComparison.Ordinal);
        string table = Succeeds(Runsc.Run("ps", id, "-ef"));
        Assert.Matches(@"^UID +PID +PPID", table);
        Assert.Contains("sleep 2000", table, StringComparison.Ordinal);
        HostProgram.SignalProcess(int.Parse(exec), 9);
        WaitUntil("the killed exec is gone", () => Succeeds(Runsc.Run("ps", "-f", "json", id)) == $"[{init}]\n");
        WaitUntil("and its process, too", () =>
            !Succeeds(Runsc.Run("ps", id)).Contains("2000", StringComparison.Ordinal));
        Succeeds(Runsc.Run("delete", "--force", id));
    }

    [Fact]
    public void Kill_takes_numbers_and_names_and_works_before_the_start()
    {
        string bundle = Busybox("sleep", "1000").Write().Folder;
        foreach (string signal in (ReadOnlySpan<string>)["9", "KILL", "SIGKILL", "15", "TERM"])
        {
            string id = RunscState.NewId();
            Succeeds(Runsc.Run("create", "--bundle", bundle, id));
            Succeeds(Runsc.Run("kill", id, "0"));
            FailsNaming("NOSUCH", Runsc.Run("kill", id, "NOSUCH"));
            Succeeds(Runsc.Run("kill", id, signal));
            WaitForStatus(id, "stopped");
            FailsNaming("container not running", Runsc.Run("kill", id, "9"));
            Succeeds(Runsc.Run("kill", "--all", id, "9"));
            Succeeds(Runsc.Run("kill", "-a", id, "9"));
            FailsNaming("stopped", Runsc.Run("start", id));
            Succeeds(Runsc.Run("delete", id));
        }
    }

    [Fact]
    public void Kill_all_reaches_every_process()
    {
        string id = RunDetached(Busybox("sh", "-c", "sleep 1000 & sleep 1000 & wait"));
        WaitUntil("both sleeps run", () => Succeeds(Runsc.Run("ps", id)).Split("sleep 1000").Length >= 4);
        Succeeds(Runsc.Run("kill", "--all", id, "KILL"));
        WaitForStatus(id, "stopped");
        Succeeds(Runsc.Run("delete", id));
    }

    [Fact]
    public void What_cannot_be_run_fails_create_with_the_words_that_callers_look_for()
    {
        (string Program, string Words)[] cases =
        [
            ("no-such-program", "executable file not found in $PATH"),
            ("/no/such/program", "no such file or directory"),
            ("/etc", "permission denied"),
        ];
        foreach ((string program, string words) in cases)
        {
            string id = RunscState.NewId();
            FailsNaming(words, Runsc.Run("create", "--bundle", Busybox(program).Write().Folder, id));
            FailsNaming("does not exist", Runsc.Run("state", id));
        }

        string running = RunDetached(Busybox("sleep", "1000"));
        HostResult exec = Runsc.Run("exec", running, "no-such-program");
        Assert.Equal(255, exec.Status);
        Assert.Contains("executable file not found in $PATH", exec.Error, StringComparison.Ordinal);
        Succeeds(Runsc.Run("delete", "--force", running));
    }

    [Fact]
    public void Delete_takes_several_ids_and_by_force_those_that_are_not_there()
    {
        string bundle = Busybox(
            "sleep", "1000").Write().Folder, first = RunscState.NewId(), second = RunscState.NewId();
        Succeeds(Runsc.Run("create", "-b", bundle, first));
        Succeeds(Runsc.Run("run", "-d", "-b", bundle, second));
        FailsNaming("not stopped", Runsc.Run("delete", second));
        HostResult deleted = Runsc.Run("delete", "--force", first, "no-such-container", second);
        Assert.Equal((0, "", ""), (deleted.Status, deleted.Output, deleted.Error));
        Assert.Equal("", Succeeds(Runsc.Run("list", "--quiet")));
    }

    [Fact]
    public void Run_keeps_the_container_when_asked_to()
    {
        string id = RunscState.NewId();
        Assert.Equal(
            5, Runsc.Run("run", "--keep", "--bundle", Busybox("sh", "-c", "exit 5").Write().Folder, id).Status);
        Assert.Equal("stopped", Status(id));
        Succeeds(Runsc.Run("delete", id));
    }

    [Fact]
    public void Preserved_descriptors_are_the_containers_and_no_others()
    {
        Bundle bundle = Busybox("sh", "-c", "ls /proc/self/fd | tr '\\n' ' '; cat <&3; cat <&4").Write();
        string script = "exec 3<<<three 4<<<four 5</dev/null; exec \"$@\"";
        HostResult result = HostProgram.Run(
            ["bash", "-c", script, "bash", .. Runsc.Command(
                "run", "--preserve-fds", "2", "-b", bundle.Folder, RunscState.NewId())],
            Minutes(1));
        // 5 is the directory that ls itself has open.
        Assert.Equal((0, "0 1 2 3 4 5 three\nfour\n"), (result.Status, result.Output));
        FailsNaming("descriptor 12 is not open", HostProgram.Run(
            ["bash", "-c",
                "for fd in 3 4 5 6 7 8 9 10 11; do eval \"exec $fd</dev/null\"; done; exec 12<&-; exec \"$@\"", "bash",
                .. Runsc.Command("run", "--preserve-fds", "10", "-b", bundle.Folder, RunscState.NewId())], Minutes(1)));
    }

    [Fact]
    public void Wait_prints_the_exit_status()
    {
        string id = RunDetached(Busybox("sh", "-c", "trap 'exit 42' USR1; echo up; while :; do sleep 0.05; done"));
        using HostProgram wait = Runsc.Start("wait", id);
        WaitUntil("the trap is set and the signal arrives", () =>
        {
            Runsc.Run("kill", id, "USR1");
            return Status(id) == "stopped";
        });
        HostResult result = wait.Wait(Minutes(1));
        if (result.Status == 0) // It may have come to the sandbox too late, and then says so.
            Assert.Matches("^{\"id\":\"" + id + "\",\"exitStatus\":(42|138)}\n$", result.Output);
        else
            FailsNaming("container not running", result);
        Succeeds(Runsc.Run("delete", id));
    }

    [Fact]
    public void Events_are_statistics_in_the_shape_of_runc_until_the_end()
    {
        string id = RunDetached(Busybox("sleep", "1000"));
        using (JsonDocument line = JsonDocument.Parse(Succeeds(Runsc.Run("events", "--stats", id))))
        {
            Assert.Equal("stats", line.RootElement.GetProperty("type").GetString());
            Assert.Equal(id, line.RootElement.GetProperty("id").GetString());
            JsonElement data = line.RootElement.GetProperty("data");
            Assert.True(data.GetProperty("cpu").GetProperty("usage").GetProperty("total").GetInt64() >= 0);
            Assert.Equal(0, data.GetProperty("cpu").GetProperty("usage").GetProperty("percpu").GetArrayLength());
            Assert.True(data.GetProperty("memory").GetProperty("usage").GetProperty("usage").GetInt64() >= 0);
            Assert.Equal(1, data.GetProperty("pids").GetProperty("current").GetInt32());
            foreach (string empty in (ReadOnlySpan<string>)["blkio", "hugetlb"])
                Assert.Equal(JsonValueKind.Object, data.GetProperty(empty).ValueKind);
        }

        using HostProgram events = Runsc.Start("events", "--interval", "50ms", id);
        WaitUntil("two lines have come", () => events.OutputSoFar.Split('\n').Length > 2);
        Succeeds(Runsc.Run("kill", id, "KILL"));
        Assert.Equal(0, events.Wait(Minutes(1)).Status);
        FailsNaming("container not running", Runsc.Run("events", "--stats", id));
        FailsNaming("0s", Runsc.Run("events", "--interval", "0s", id));
        Succeeds(Runsc.Run("delete", id));
    }

    [Fact]
    public void Features_need_no_flags_and_checkpoints_are_refused_but_explained()
    {
        using (JsonDocument features = JsonDocument.Parse(
            Succeeds(HostProgram.Run([Checkout.Runsc, "features"], Minutes(1)))))
        {
            Assert.Equal("1.0.0", features.RootElement.GetProperty("ociVersionMin").GetString());
            Assert.Contains("network", features.RootElement.GetProperty("linux").GetProperty(
                "namespaces").ToString(), StringComparison.Ordinal);
        }

        Assert.Contains("--image-path", Succeeds(Runsc.Run("checkpoint", "--help")), StringComparison.Ordinal);
        string id = RunDetached(Busybox("sleep", "1000"));
        FailsNaming("not supported", Runsc.Run(
            "checkpoint", "--image-path", "/x", "--work-path", "/x", "--leave-running", "--leave-running", id));
        FailsNaming("not supported", Runsc.Run(
            "restore", "--image-path", "/x", "--bundle", "/x", "--pid-file", "/x", "--detach", "--no-subreaper",
            RunscState.NewId()));
        Assert.Equal("running", Status(id));
        Succeeds(Runsc.Run("delete", "--force", id));
    }

    private string HostProcessOf(string id)
    {
        using JsonDocument state = JsonDocument.Parse(Succeeds(Runsc.Run("state", id)));
        return state.RootElement.GetProperty("pid").ToString();
    }
}
