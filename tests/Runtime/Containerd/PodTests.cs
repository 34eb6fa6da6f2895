using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests.Containerd;

/// <summary>One daemon whose CRI plugin runs pods with our binary, shared by the tests of a class.</summary>
public sealed class CriFixture : IDisposable
{
    private static readonly string _bridge = $"sbt{Environment.ProcessId}";

    public CriFixture()
    {
        Daemon = new ContainerdDaemon(Section);
        Daemon.Import(ContainerImage.Busybox, "k8s.io");
        Daemon.Import(ContainerImage.Pause(Daemon.Folder["pause"]), "k8s.io");
        Cri = new CriClient(Daemon.Socket);
    }

    public ContainerdDaemon Daemon { get; }

    public CriClient Cri { get; }

    public void Dispose()
    {
        Cri.Dispose();
        Daemon.Dispose();
        HostProgram.Run(["ip", "link", "delete", _bridge], TimeSpan.FromMinutes(1));
    }

    /// <summary>A network of its own for each pod, with an address on a bridge that nobody else has.</summary>
    private static string Section(ScratchFolder folder)
    {
        Directory.CreateDirectory(folder["net.d"]);
        File.WriteAllText(
            Path.Combine(folder["net.d"], "10-tests.conflist"),
            $$$"""
            {"cniVersion":"0.4.0","name":"tests","plugins":[{"type":"bridge","bridge":"{{{_bridge}}}","isGateway":true,
             "ipam":{"type":"host-local","dataDir":"{{{folder["ipam"]}}}","ranges":[[{"subnet":"10.88.77.0/24"}]]}}]}
            """);
        return $"""
            [plugins."io.containerd.grpc.v1.cri"]
              disable_apparmor = true
              restrict_oom_score_adj = true
              sandbox_image = "localhost/pause:latest"
              stream_server_port = "0"
              [plugins."io.containerd.grpc.v1.cri".cni]
                bin_dir = "/usr/lib/cni"
                conf_dir = "{folder["net.d"]}"
              [plugins."io.containerd.grpc.v1.cri".containerd]
                default_runtime_name = "runsc"
                [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runsc]
                  runtime_type = "io.containerd.runc.v2"
                  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runsc.options]
                    BinaryName = "{Checkout.Runsc}"
            """;
    }
}

/// <summary>
/// Pods through CRI, as kubelet drives them: containers in one Sentry, each with a monitor of its own.
/// </summary>
public sealed class PodTests(CriFixture fixture) : IClassFixture<CriFixture>
{
    [Fact]
    public void Two_containers_share_network_and_names_but_not_files_and_processes()
    {
        using Pod pod = NewPod();
        string first = pod.Run("first", "sh", "-c", "echo one > /mark; echo up; exec httpd -f -p 8080 -h /");
        pod.WaitForLog("first", "up");
        string second = pod.Run("second", "sh", "-c", "echo up; exec sleep 1000");
        pod.WaitForLog("second", "up");
        Assert.Equal("pod-host\n", pod.ExecOutput(first, "hostname"));
        Assert.Equal("pod-host\n", pod.ExecOutput(second, "hostname"));
        Assert.Equal("one\n", pod.ExecOutput(
            second, "sh", "-c", "until wget -q -O - http://127.0.0.1:8080/mark 2>/dev/null; do sleep 0.1; done"));
        Assert.NotEqual(0, pod.Exec(second, "cat", "/mark").Status);
        Assert.DoesNotContain("httpd", pod.ExecOutput(second, "ps"));
        Assert.Contains("httpd", pod.ExecOutput(first, "ps"));
    }

    [Fact]
    public void A_containers_end_has_its_status_and_leaves_the_sandbox_and_the_others()
    {
        using Pod pod = NewPod();
        string other = pod.Run("other", "sleep", "1000");
        string failing = pod.Run("failing", "sh", "-c", "echo out; echo err >&2; exit 3");
        Assert.Equal(new ContainerStanding("EXITED", 3, "Error"), pod.WaitForEnd(failing));
        Assert.Equal("err\nout\n", Sorted(pod.Log("failing")));
        Assert.Equal("RUNNING", pod.Status(other).State);
        Assert.True(pod.IsReady);
        pod.Remove(failing);
        // The next attempt has a name of its own, as kubelet's restarts do.
        string again = pod.Run("again", "sh", "-c", "echo again");
        Assert.Equal(new ContainerStanding("EXITED", 0, "Completed"), pod.WaitForEnd(again));
        Assert.Equal("again\n", pod.Log("again"));
        Assert.Equal("still here\n", pod.ExecOutput(other, "echo", "still here"));
    }

    [Fact]
    public void Stop_sends_the_polite_signal_first_and_kills_what_ignores_it()
    {
        using Pod pod = NewPod();
        string polite = pod.Run(
            "polite", "sh", "-c", "trap 'echo term; exit 4' TERM; echo up; while :; do sleep 0.05; done");
        string deaf = pod.Run("deaf", "sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done");
        pod.WaitForLog("polite", "up");
        pod.WaitForLog("deaf", "up");
        pod.Stop(polite, 60);
        Assert.Equal(4, pod.Status(polite).ExitCode);
        Assert.Equal("up\nterm\n", pod.Log("polite"));
        pod.Stop(deaf, 1);
        Assert.Equal(137, pod.Status(deaf).ExitCode);
        pod.Stop(deaf, 1); // Again: nothing to do.
    }

    [Fact]
    public void The_pod_can_go_in_any_order()
    {
        using Pod pod = NewPod();
        string created = pod.Create("created", "sleep", "1000");
        string running = pod.Run("running", "sleep", "1000");
        string over = pod.Run("over", "true");
        pod.WaitForEnd(over);
        pod.Remove(created); // Never started.
        pod.Remove(running); // Not stopped.
        string left = pod.Run("left", "sleep", "1000");
        pod.StopAll();
        Assert.False(pod.IsReady);
        Assert.Equal(new ContainerStanding("EXITED", 137, "Error"), pod.Status(left));
        pod.Remove(over);
        pod.RemoveAll(); // With a container in it.
        Assert.Throws<CriException>(() => pod.Status(left));
    }

    [Fact]
    public void A_shared_process_namespace_shows_all_and_ends_each_container_alone()
    {
        using Pod pod = NewPod(Pod.SharedByPod);
        string first = pod.Run("first", "sh", "-c", "sleep 2001 & echo up; exec sleep 1001");
        string second = pod.Run("second", "sh", "-c", "echo up; exec sleep 1002");
        pod.WaitForLog("first", "up");
        pod.WaitForLog("second", "up");
        string processes = pod.ExecOutput(second, "ps");
        foreach (string expected in (ReadOnlySpan<string>)["/pause", "sleep 1001", "sleep 2001", "sleep 1002"])
            Assert.Contains(expected, processes);
        Assert.Equal("/pause\n", pod.ExecOutput(first, "sh", "-c", "tr '\\0' '\\n' < /proc/1/cmdline"));
        pod.Stop(first, 0);
        Assert.Equal(137, pod.Status(first).ExitCode);
        processes = pod.ExecOutput(second, "ps");
        Assert.DoesNotContain("1001", processes);
        Assert.DoesNotContain("2001", processes);
        Assert.Contains("sleep 1002", processes);
    }

    [Fact]
    public void An_ephemeral_container_sees_its_targets_processes()
    {
        using Pod pod = NewPod();
        string target = pod.Run("target", "sh", "-c", "echo up; exec sleep 1001");
        pod.WaitForLog("target", "up");
        string debug = pod.Create("debug", null, ["sh", "-c", "echo up; exec sleep 1002"], target);
        pod.Start(debug);
        pod.WaitForLog("debug", "up");
        Assert.Contains("sleep 1001", pod.ExecOutput(debug, "ps"));
        Assert.DoesNotContain("/pause", pod.ExecOutput(debug, "ps"));
    }

    [Fact]
    public void Containers_share_memory_files_and_semaphores()
    {
        using Pod pod = NewPod();
        string first = pod.Run("first", "sleep", "1000"), second = pod.Run("second", "sleep", "1000");
        pod.ExecOutput(first, "sh", "-c", "echo shared > /dev/shm/file");
        Assert.Equal("shared\n", pod.ExecOutput(second, "cat", "/dev/shm/file"));
        Assert.Equal(Inode(first, "ipc"), Inode(second, "ipc"));
        Assert.Equal(Inode(first, "net"), Inode(second, "net"));
        Assert.Equal(Inode(first, "uts"), Inode(second, "uts"));
        Assert.NotEqual(Inode(first, "pid"), Inode(second, "pid"));

        string Inode(string container, string type) => pod.ExecOutput(container, "readlink", $"/proc/self/ns/{type}");
    }

    [Fact]
    public void Exec_tells_status_and_both_streams()
    {
        using Pod pod = NewPod();
        string container = pod.Run("one", "sleep", "1000");
        Assert.Equal(
            new ExecOutcome(5, "out\n", "err\n"), pod.Exec(container, "sh", "-c", "echo out; echo err >&2; exit 5"));
        Assert.Equal(new ExecOutcome(137, string.Empty, string.Empty), pod.Exec(container, "sh", "-c", "kill -9 $$"));
        Assert.Contains(
            "no-such-program", Assert.Throws<CriException>(() => pod.Exec(container, "no-such-program")).Message);
        pod.ExecOutput(container, "true");
    }

    [Fact]
    public void A_container_whose_program_is_missing_does_not_start_and_leaves_the_pod_usable()
    {
        using Pod pod = NewPod();
        string broken = pod.Create("broken", "/no/such/program");
        Assert.Contains("no such file or directory", Assert.Throws<CriException>(() => pod.Start(broken)).Message);
        pod.Remove(broken);
        string fine = pod.Run("fine", "true");
        Assert.Equal(0, pod.WaitForEnd(fine).ExitCode);
    }

    [Fact]
    public void Limits_are_changed_and_use_is_told_while_it_runs()
    {
        const long mebi = 1 << 20;
        using Pod pod = NewPod();
        string container = pod.Create(
            "one", new ProtoMessage().Add(4, 64 * mebi).Add(10, 64 * mebi), ["sleep", "1000"]);
        pod.Start(container);
        Assert.Matches("MemTotal: +65536 kB", pod.ExecOutput(container, "cat", "/proc/meminfo"));
        pod.Update(container, new ProtoMessage().Add(4, 128 * mebi).Add(10, 128 * mebi));
        Assert.Matches("MemTotal: +131072 kB", pod.ExecOutput(container, "cat", "/proc/meminfo"));
        ProtoMessage statistics = pod.Statistics(container);
        Assert.True(statistics.Message(2).Message(2).Number(1) > 0, "CPU time");
        Assert.InRange(statistics.Message(3).Message(2).Number(1), 1, 128 * mebi);
    }

    [Fact]
    public void A_container_over_its_memory_limit_is_OOMKilled_and_the_others_live()
    {
        const long mebi = 1 << 20;
        using Pod pod = NewPod();
        string other = pod.Run("other", "sleep", "1000");
        // The shim watches for want of memory only once start has returned: what runs out sooner is not noticed,
        // under runc neither.
        string greedy = pod.Create(
            "greedy",
            new ProtoMessage().Add(4, 32 * mebi).Add(10, 32 * mebi),
            ["sh", "-c", "until [ -e /go ]; do sleep 0.1; done; exec tail /dev/zero"]);
        pod.Start(greedy);
        pod.ExecOutput(greedy, "touch", "/go");
        Assert.Equal(137, pod.WaitForEnd(greedy).ExitCode);
        // containerd hears of the end and of the reason from two sides, in any order.
        for (int attempt = 0; attempt < 1200 && pod.Status(greedy).Reason != "OOMKilled"; attempt++)
            Thread.Sleep(50);
        Assert.Equal(new ContainerStanding("EXITED", 137, "OOMKilled"), pod.Status(greedy));
        Assert.Equal("RUNNING", pod.Status(other).State);
        Assert.Equal("fine\n", pod.ExecOutput(other, "echo", "fine"));
    }

    [Fact]
    public void A_pod_is_reached_at_its_address_by_the_host_and_by_other_pods()
    {
        using Pod server = NewPod();
        string web = server.Run("web", "sh", "-c", "echo hello > /page; echo up; exec httpd -f -p 8080 -h /");
        server.WaitForLog("web", "up");
        string page = $"http://{server.Address}:8080/page";
        Assert.Equal("hello\n", server.ExecOutput(web, "sh", "-c", Fetch(page)));
        HostResult fromHost = HostProgram.Run(["busybox", "sh", "-c", Fetch(page)], TimeSpan.FromMinutes(1));
        Assert.Equal((0, "hello\n"), (fromHost.Status, fromHost.Output));
        using Pod client = NewPod();
        Assert.NotEqual(server.Address, client.Address);
        Assert.Equal("hello\n", client.ExecOutput(client.Run("shell", "sleep", "1000"), "sh", "-c", Fetch(page)));

        static string Fetch(string page) => $"until wget -q -O - {page} 2>/dev/null; do sleep 0.1; done";
    }

    private static string Sorted(string lines)
    {
        string[] sorted = lines.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Array.Sort(sorted, StringComparer.Ordinal);
        return string.Join('\n', sorted) + "\n";
    }

    private Pod NewPod(int processNamespaces = Pod.OwnByContainer) =>
        new(fixture.Cri, fixture.Daemon.Folder["logs"], processNamespaces);
}
