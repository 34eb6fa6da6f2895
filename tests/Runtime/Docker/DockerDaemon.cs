using System.Diagnostics;
using System.Text.Json.Nodes;
using Sandbox.Harness;
using Sandbox.RuntimeTests.Engines;

namespace Sandbox.RuntimeTests.Docker;

/// <summary>
/// A dockerd of the tests' own: an ordinary process in a network namespace of its own, with its images, state and
/// socket in a scratch folder, and our binary as its default runtime. Disposing stops it, and with it its containers.
/// </summary>
public sealed class DockerDaemon : ContainerEngine
{
    private static readonly TimeSpan _startLimit = TimeSpan.FromMinutes(2);
    private readonly string _configuration;
    private HostProgram _daemon;

    /// <summary>Starts it, waits until it answers, and loads the busybox image.</summary>
    public DockerDaemon()
        : base("docker")
    {
        _configuration = Folder["daemon.json"];
        Environment = new()
        {
            ["DOCKER_HOST"] = $"unix://{Socket}",
            ["DOCKER_CONFIG"] = Folder["client"],
        };
        JsonObject configuration = new()
        {
            ["data-root"] = Folder["data"],
            ["exec-root"] = Folder["exec"],
            ["pidfile"] = Folder["pid"],
            ["hosts"] = Bundle.Strings($"unix://{Socket}"),
            ["storage-driver"] = "vfs",
            // It must not lower its own oom_score, for which a root without CAP_SYS_RESOURCE has no right.
            ["oom-score-adjust"] = 0,
            ["iptables"] = false,
            ["ip-forward"] = false,
            ["ip-masq"] = false,
            ["live-restore"] = true,
            ["default-runtime"] = "runsc",
            ["runtimes"] = new JsonObject { ["runsc"] = new JsonObject { ["path"] = Checkout.Runsc } },
        };
        File.WriteAllText(_configuration, configuration.ToJsonString());
        _daemon = Start();
        Load(ContainerImage.Busybox);
    }

    public override string InitPath => "/sbin/docker-init";

    protected override Dictionary<string, string> Environment { get; }

    protected override string[] Prefix => ["/usr/bin/docker"];

    protected override string[] Removal => ["rm", "--force"];

    private string Socket => Folder["d.sock"];

    /// <summary>Ends the daemon, while its containers run on, and starts it again.</summary>
    public void Restart()
    {
        Stop();
        _daemon = Start();
    }

    protected override void End()
    {
        foreach (string id in Run("ps", "--all", "--quiet").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            Run("rm", "--force", id);
        Stop();
    }

    private void Stop()
    {
        const int terminate = 15;
        HostProgram.SignalProcess(_daemon.Pid, terminate);
        _daemon.Wait(TimeSpan.FromMinutes(1));
        _daemon.Dispose();
    }

    private HostProgram Start()
    {
        HostProgram daemon = HostProgram.Start(["unshare", "--net", "dockerd", "--config-file", _configuration]);
        _daemon = daemon;
        for (Stopwatch clock = Stopwatch.StartNew(); clock.Elapsed < _startLimit; Thread.Sleep(50))
        {
            if (File.Exists(Socket) && Run("version").Status == 0)
                return daemon;
        }

        throw new InvalidOperationException($"dockerd does not answer: {daemon.Wait(TimeSpan.Zero)}");
    }
}
