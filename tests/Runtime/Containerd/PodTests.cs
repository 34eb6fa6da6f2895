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

/// <summary>Pods through CRI, as kubelet drives them: containers in one Sentry, each with a monitor of its own.</summary>
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

    private Pod NewPod(int processNamespaces = Pod.OwnByContainer) =>
        new(fixture.Cri, fixture.Daemon.Folder["logs"], processNamespaces);
}
