using System.Diagnostics;
using System.Text.Json;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests.Containerd;

/// <summary>One daemon with the busybox image, shared by the tests of a class.</summary>
public sealed class ContainerdFixture : IDisposable
{
    public ContainerdFixture() => Daemon.Import(ContainerImage.Busybox);

    public ContainerdDaemon Daemon { get; } = new();

    public void Dispose() => Daemon.Dispose();
}

/// <summary>What `ctr` does with our binary in runc's place, under containerd's own shim.</summary>
public sealed class CtrTests(ContainerdFixture fixture) : IClassFixture<ContainerdFixture>
{
    private const string Image = "localhost/busybox:latest";

    private ContainerdDaemon Daemon => fixture.Daemon;

    [Fact]
    public void Run_passes_output_and_the_exit_status_through_and_leaves_nothing()
    {
        string id = ContainerdDaemon.NewId();
        HostResult result = Run("--rm", id, "sh", "-c", "echo out; echo err >&2; exit 7");
        Assert.Equal((7, "out\n", "err\n"), (result.Status, result.Output, result.Error));
        Assert.DoesNotContain(id, Succeeds(Daemon.Ctr("container", "ls", "-q")));
        Assert.DoesNotContain(id, Succeeds(Daemon.Ctr("task", "ls", "-q")));
    }

    [Fact]
    public void A_task_runs_detached_is_seen_exec_ed_into_signalled_and_removed()
    {
        string id = Start("sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.05; done");
        Assert.Equal("RUNNING", State(id));
        HostResult exec = Daemon.Ctr(
            "task", "exec", "--exec-id", "e1", id, "sh", "-c", "echo out; echo err >&2; exit 4");
        Assert.Equal((4, "out\n"), (exec.Status, exec.Output));
        Assert.Contains("err\n", exec.Error);
        Assert.Contains(
            "executable file not found", Daemon.Ctr("task", "exec", "--exec-id", "e2", id, "no-such-program").Error);
        Succeeds(Daemon.Ctr("task", "kill", "--signal", "SIGTERM", id));
        WaitForState(id, "STOPPED");
        Assert.Contains("not found", Daemon.Ctr("task", "kill", "--signal", "SIGTERM", id).Error); // As with runc.
        Assert.Contains("exit code 5", Daemon.Ctr("task", "rm", id).Error);
        Succeeds(Daemon.Ctr("container", "rm", id));
    }

    [Fact]
    public void Processes_are_the_hosts_and_an_exec_is_killed_through_its_own()
    {
        string id = Start("sleep", "1000");
        using HostProgram exec = Daemon.StartCtr(
            "task", "exec", "--exec-id", "victim", id, "sh", "-c", "echo up; exec sleep 2000");
        Assert.True(exec.WaitForOutput("up", Minutes(1)));
        string processes = Succeeds(Daemon.Ctr("task", "ps", id));
        Assert.Contains("victim", processes);
        Assert.Contains(HostProcess(id).ToString(), processes);
        Succeeds(Daemon.Ctr("task", "kill", "--exec-id", "victim", "--signal", "SIGKILL", id));
        Assert.Equal(137, exec.Wait(Minutes(1)).Status);
        Assert.Equal("RUNNING", State(id));
        Remove(id);
    }

    [Fact]
    public void Killing_the_process_of_the_pid_file_kills_the_container()
    {
        string id = Start("sleep", "1000");
        HostProgram.SignalProcess(HostProcess(id), 9);
        WaitForState(id, "STOPPED");
        Assert.Contains("exit code 137", Daemon.Ctr("task", "rm", id).Error);
        Succeeds(Daemon.Ctr("container", "rm", id));
    }

    [Fact]
    public void A_paused_task_stands_still_until_it_is_resumed()
    {
        string id = Start("sleep", "1000");
        Succeeds(Daemon.Ctr("task", "pause", id));
        Assert.Equal("PAUSED", State(id));
        Assert.NotEqual(0, Daemon.Ctr("task", "exec", "--exec-id", "e1", id, "true").Status);
        Succeeds(Daemon.Ctr("task", "resume", id));
        Assert.Equal("RUNNING", State(id));
        Succeeds(Daemon.Ctr("task", "exec", "--exec-id", "e2", id, "true"));
        Succeeds(Daemon.Ctr("task", "pause", id));
        Remove(id); // Killed while paused.
    }

    [Fact]
    public void Metrics_are_those_of_the_containers_own_cgroup()
    {
        const long mebi = 1 << 20;
        string id = Start(["--memory-limit", (64 * mebi).ToString()], "sleep", "1000");
        using JsonDocument metrics = JsonDocument.Parse(
            Succeeds(Daemon.Ctr("task", "metrics", "--format", "json", id)));
        string text = metrics.RootElement.ToString();
        Assert.True(Number(metrics.RootElement, "pids", "current") is > 0 and < 20, text); // Not the Sentry's threads.
        if (metrics.RootElement.GetProperty("memory").GetProperty("usage").ValueKind == JsonValueKind.Object)
        {
            Assert.Equal(64 * mebi, Number(metrics.RootElement, "memory", "usage", "limit"));
            // Not the Sentry's memory.
            Assert.InRange(Number(metrics.RootElement, "memory", "usage", "usage"), 1, 16 * mebi);
        }
        else
        {
            Assert.InRange(Number(metrics.RootElement, "memory", "usage"), 1, 16 * mebi); // cgroup version 2.
        }

        Remove(id);
    }

    [Fact]
    public void More_memory_than_allowed_ends_the_task_and_tells_containerd_why()
    {
        // Only once it is started: the shim looks at the cgroup from then on.
        string id = Start(
            ["--memory-limit", "33554432"], "sh", "-c", "until [ -e /go ]; do sleep 0.05; done; exec tail /dev/zero");
        using HostProgram events = Daemon.StartCtr("events");
        do
            Succeeds(Daemon.Ctr("image", "label", Image, $"probe={id}"));
        while (!events.WaitForOutput("/images/update", TimeSpan.FromSeconds(1))); // Now it listens.
        Succeeds(Daemon.Ctr("task", "exec", "--exec-id", "e1", id, "touch", "/go"));
        Assert.True(events.WaitForOutput("/tasks/oom", Minutes(1)), events.OutputSoFar);
        events.Kill();
        WaitForState(id, "STOPPED");
        Assert.Contains("exit code 137", Daemon.Ctr("task", "rm", id).Error);
        Succeeds(Daemon.Ctr("container", "rm", id));
    }

    [Fact]
    public void A_terminal_has_the_callers_size_and_is_interactive()
    {
        string id = ContainerdDaemon.NewId();
        using HostProgram shell = Daemon.StartCtrOnTerminal(
            ["run", "--rm", "--tty", .. ContainerdDaemon.RunFlags, Image, id, "sh"]);
        // ctr tells the size once the task runs, which may be after the first prompt.
        Type(shell, "until [ \"$(stty size)\" = '40 100' ]; do sleep 0.1; done; echo size o''k", "size ok");
        Type(shell, "echo $((6 * 7))", "42");
        using HostProgram exec = Daemon.StartCtrOnTerminal("task", "exec", "--tty", "--exec-id", "e1", id, "sh");
        Type(exec, "echo $((7 * 8)); tty", "56");
        Assert.True(exec.WaitForOutput("/dev/pts/", Minutes(1)), exec.OutputSoFar);
        exec.Type("exit 3\n");
        Assert.Equal(3, exec.Wait(Minutes(1)).Status);
        shell.Type("exit 6\n");
        Assert.Equal(6, shell.Wait(Minutes(1)).Status);
    }

    [Fact]
    public void Attach_shows_what_a_detached_task_writes_and_ends_with_it()
    {
        string id = Start("sh", "-c", "until [ -e /go ]; do sleep 0.05; done; echo attached; exit 3");
        using HostProgram attached = Daemon.StartCtr("task", "attach", id);
        Succeeds(Daemon.Ctr("task", "exec", "--exec-id", "e1", id, "touch", "/go"));
        HostResult result = attached.Wait(Minutes(1));
        Assert.Equal((3, "attached\n"), (result.Status, result.Output));
        Remove(id);
    }

    [Fact]
    public void Flags_of_run_reach_the_container()
    {
        File.WriteAllText(Daemon.Folder["mounted"], "from the host\n");
        const string script =
            "pwd; echo $V; cat /m; echo x > /m || echo ro; touch /new || echo ro; grep NoNew /proc/self/status";
        HostResult result = Run(
            "--rm", "--cwd=/tmp", "--env=V=value", "--read-only",
            $"--mount=type=bind,src={Daemon.Folder["mounted"]},dst=/m,options=rbind:ro", ContainerdDaemon.NewId(), "sh",
            "-c", script);
        Assert.Equal("/tmp\nvalue\nfrom the host\nro\nro\nNoNewPrivs:\t1\n", result.Output);
        Assert.Equal("ok\n", Succeeds(Run("--rm", "--seccomp", ContainerdDaemon.NewId(), "echo", "ok")));
        Assert.Equal("ok\n", Succeeds(Run("--rm", "--privileged", ContainerdDaemon.NewId(), "echo", "ok")));
        Assert.Equal("ok\n", Succeeds(Run("--rm", "--snapshotter=native", ContainerdDaemon.NewId(), "echo", "ok")));
    }

    [Fact]
    public void A_network_namespace_of_another_container_of_ours_means_to_join_it()
    {
        string server = Start("httpd", "-f", "-p", "8080", "-h", "/etc");
        HostResult client = Run(
            "--rm", $"--with-ns=network:/proc/{HostProcess(server)}/ns/net", ContainerdDaemon.NewId(),
            "sh", "-c", "until wget -q -O - http://127.0.0.1:8080/group 2>/dev/null; do sleep 0.1; done; ps");
        Assert.Contains("root:x:0:", Succeeds(client));
        Assert.DoesNotContain("httpd", client.Output); // It has processes of its own.
        Assert.Equal("RUNNING", State(server));
        Remove(server);
    }

    [Fact]
    public void What_cannot_start_says_why_and_leaves_nothing()
    {
        string id = ContainerdDaemon.NewId();
        HostResult result = Run("--rm", id, "no-such-program");
        Assert.NotEqual(0, result.Status);
        Assert.Contains("executable file not found", result.Error);
        Assert.DoesNotContain(id, Succeeds(Daemon.Ctr("task", "ls", "-q")));
    }

    [Fact]
    public void A_checkpoint_is_refused_and_the_task_goes_on()
    {
        string id = Start("sleep", "1000");
        Assert.Contains("checkpoint", Daemon.Ctr("task", "checkpoint", id).Error);
        WaitForState(id, "RUNNING");
        Succeeds(Daemon.Ctr("task", "exec", "--exec-id", "e1", id, "true"));
        Remove(id);
    }

    [Fact]
    public void Much_output_arrives_whole()
    {
        HostResult result = Run("--rm", ContainerdDaemon.NewId(), "sh", "-c", "seq 1 200000; seq 1 200000 >&2");
        Assert.Equal(0, result.Status);
        Assert.Equal(200000, result.Output.Split('\n').Length - 1);
        Assert.Equal(200000, result.Error.Split('\n').Length - 1);
    }

    [Fact]
    public void Many_run_at_once()
    {
        const int count = 12;
        HostProgram[] running = new HostProgram[count];
        for (int i = 0; i < count; i++)
        {
            running[i] = Daemon.StartCtr(
                ["run", "--rm", .. ContainerdDaemon.RunFlags, Image, ContainerdDaemon.NewId(), "sh", "-c",
                    $"echo {i}; exit {i}"]);
        }

        for (int i = 0; i < count; i++)
        {
            using HostProgram one = running[i];
            HostResult result = one.Wait(Minutes(3));
            Assert.Equal((i, $"{i}\n"), (result.Status, result.Output));
        }
    }

    private static long Number(JsonElement element, params string[] path)
    {
        foreach (string name in path)
            element = element.GetProperty(name);
        return element.GetInt64();
    }

    /// <summary>Types a line and waits for what it must show.</summary>
    private static void Type(HostProgram terminal, string line, string expected)
    {
        terminal.Type(line + "\n");
        Assert.True(terminal.WaitForOutput(expected, Minutes(1)), terminal.OutputSoFar);
    }

    private string Start(params string[] command) => Start([], command);

    private string Start(string[] flags, params string[] command)
    {
        string id = ContainerdDaemon.NewId();
        Succeeds(Daemon.Ctr(["run", "--detach", .. flags, .. ContainerdDaemon.RunFlags, Image, id, .. command]));
        return id;
    }

    private void Remove(string id)
    {
        Daemon.Ctr("task", "rm", "--force", id); // Its status is the task's.
        Succeeds(Daemon.Ctr("container", "rm", id));
    }

    private string State(string id) => Columns(id)[2];

    /// <summary>The process that stands for the task on the host.</summary>
    private int HostProcess(string id) => int.Parse(Columns(id)[1]);

    private void WaitForState(string id, string expected)
    {
        for (Stopwatch clock = Stopwatch.StartNew(); State(id) != expected; Thread.Sleep(20))
            Assert.True(clock.Elapsed < Minutes(1), $"{id} is not {expected} but {State(id)}");
    }

    private string[] Columns(string id)
    {
        foreach (string line in Succeeds(Daemon.Ctr("task", "ls")).Split('\n'))
        {
            string[] columns = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (columns.Length > 2 && columns[0] == id)
                return columns;
        }

        return [id, "0", "(no task)"];
    }

    private static TimeSpan Minutes(double count) => TimeSpan.FromMinutes(count);

    private HostResult Run(params string[] arguments) =>
        Daemon.Ctr(["run", .. ContainerdDaemon.RunFlags, .. WithImage(arguments)]);

    /// <summary>Puts the image before the id: the flags are what starts with a dash.</summary>
    private static string[] WithImage(string[] arguments)
    {
        int flags = Array.FindIndex(arguments, static word => !word.StartsWith('-'));
        return [.. arguments[..flags], Image, .. arguments[flags..]];
    }

    private static string Succeeds(HostResult result)
    {
        if (result.Status != 0 || result.IsTimedOut)
            Assert.Fail(result.ToString());
        return result.Output;
    }
}
