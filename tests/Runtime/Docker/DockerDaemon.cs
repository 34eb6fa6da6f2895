using System.Diagnostics;
using System.Text.Json.Nodes;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests.Docker;

/// <summary>
/// A dockerd of the tests' own: an ordinary process in a network namespace of its own, with its images, state and socket in a scratch
/// folder, and our binary as its default runtime. Disposing stops it, and with it its containers.
/// </summary>
public sealed class DockerDaemon : IDisposable
{
    private static readonly TimeSpan _startLimit = TimeSpan.FromMinutes(2);
    private static int _nextContainer;
    private readonly ScratchFolder _folder = new("docker");
    private readonly string _configuration;
    private readonly Dictionary<string, string> _environment;
    private HostProgram _daemon;

    /// <summary>Starts it, waits until it answers, and loads the busybox image.</summary>
    public DockerDaemon()
    {
        _configuration = _folder["daemon.json"];
        _environment = new()
        {
            ["DOCKER_HOST"] = $"unix://{Socket}",
            ["DOCKER_CONFIG"] = _folder["client"],
        };
        JsonObject configuration = new()
        {
            ["data-root"] = _folder["data"],
            ["exec-root"] = _folder["exec"],
            ["pidfile"] = _folder["pid"],
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
        string archive = _folder["image.tar"];
        ContainerImage.Busybox.WriteArchive(archive);
        Succeeds("load", "--input", archive);
        File.Delete(archive);
    }

    public ScratchFolder Folder => _folder;

    private string Socket => _folder["d.sock"];

    /// <summary>A container name nobody else uses.</summary>
    public static string NewName() => $"d{Environment.ProcessId}-{Interlocked.Increment(ref _nextContainer)}";

    /// <summary>Runs docker to its end, two minutes at most.</summary>
    public HostResult Run(params string[] arguments) =>
        HostProgram.Run(["/usr/bin/docker", .. arguments], TimeSpan.FromMinutes(2), environment: _environment);

    /// <summary>Runs docker with something on its standard input.</summary>
    public HostResult RunWithInput(string input, params string[] arguments) =>
        HostProgram.Run(["/usr/bin/docker", .. arguments], TimeSpan.FromMinutes(2), input: input, environment: _environment);

    /// <summary>Runs docker, which must succeed; its output.</summary>
    public string Succeeds(params string[] arguments)
    {
        HostResult result = Run(arguments);
        Assert.True(result.Status == 0, $"docker {string.Join(' ', arguments)}: {result}");
        return result.Output;
    }

    /// <summary>Starts docker on a terminal of 100 columns and 40 rows.</summary>
    public HostProgram StartOnTerminal(params string[] arguments) => HostProgram.StartOnTerminal(
        ["env", $"DOCKER_HOST=unix://{Socket}", $"DOCKER_CONFIG={_folder["client"]}", "/usr/bin/docker", .. arguments]);

    /// <summary>A field of a container: ".State.Status".</summary>
    public string Inspect(string container, string field) =>
        Succeeds("inspect", "--format", $"{{{{{field}}}}}", container).Trim();

    /// <summary>Ends the daemon, while its containers run on, and starts it again.</summary>
    public void Restart()
    {
        Stop();
        _daemon = Start();
    }

    public void Dispose()
    {
        foreach (string id in Run("ps", "--all", "--quiet").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            Run("rm", "--force", id);
        Stop();
        foreach (string line in File.ReadAllLines("/proc/self/mounts"))
        {
            string place = line.Split(' ')[1];
            if (place.StartsWith(_folder.Path, StringComparison.Ordinal))
                HostProgram.Run(["umount", "--lazy", place], TimeSpan.FromMinutes(1));
        }

        _folder.Dispose();
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
