using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests.Podman;

/// <summary>
/// Podman with everything it keeps in a scratch folder, and our binary as its runtime; the images are there already. There is no
/// daemon: disposing removes the containers, and with them their processes.
/// </summary>
public sealed class PodmanEngine : IDisposable
{
    private static int _nextContainer;
    private readonly ScratchFolder _folder = new("podman");
    private readonly Dictionary<string, string> _environment;

    public PodmanEngine()
    {
        string configuration = _folder["containers.conf"];
        // Podman's own default limits are above what a root without CAP_SYS_RESOURCE may set for conmon's children; locks in files,
        // because those in shared memory are one set for all stores of the machine.
        File.WriteAllText(
            configuration,
            """
            [containers]
            default_ulimits = ["nofile=1024:20000", "nproc=4096:4096"]
            [engine]
            cgroup_manager = "cgroupfs"
            events_logger = "file"
            lock_type = "file"
            network_backend = "cni"
            init_path = "/usr/bin/catatonit"
            [network]
            network_config_dir = "NETWORKS"

            """.Replace("NETWORKS", _folder["networks"]));
        _environment = new() { ["CONTAINERS_CONF"] = configuration };
        Load(ContainerImage.Busybox);
    }

    /// <summary>A folder for the tests' own files.</summary>
    public ScratchFolder Folder => _folder;

    /// <summary>A container name nobody else uses.</summary>
    public static string NewName() => $"p{Environment.ProcessId}-{Interlocked.Increment(ref _nextContainer)}";

    /// <summary>Makes an image known to it.</summary>
    public void Load(ContainerImage image)
    {
        string archive = _folder["image.tar"];
        image.WriteArchive(archive);
        Succeeds("load", "--input", archive);
        File.Delete(archive);
    }

    /// <summary>Runs podman to its end, two minutes at most.</summary>
    public HostResult Run(params string[] arguments) =>
        HostProgram.Run(Command(arguments), TimeSpan.FromMinutes(2), environment: _environment);

    /// <summary>Runs podman with something on its standard input.</summary>
    public HostResult RunWithInput(string input, params string[] arguments) =>
        HostProgram.Run(Command(arguments), TimeSpan.FromMinutes(2), input: input, environment: _environment);

    /// <summary>Runs podman, which must succeed; its output.</summary>
    public string Succeeds(params string[] arguments)
    {
        HostResult result = Run(arguments);
        Assert.True(result.Status == 0, $"podman {string.Join(' ', arguments)}: {result}");
        return result.Output;
    }

    /// <summary>Starts podman on a terminal of 100 columns and 40 rows.</summary>
    public HostProgram StartOnTerminal(params string[] arguments) => HostProgram.StartOnTerminal(
        ["env", $"CONTAINERS_CONF={_environment["CONTAINERS_CONF"]}", .. Command(arguments)]);

    /// <summary>Runs podman in another process's network namespace, so that its bridge is not the machine's.</summary>
    public HostResult RunInNetworkOf(int process, params string[] arguments) => HostProgram.Run(
        ["nsenter", $"--net=/proc/{process}/ns/net", .. Command(arguments)], TimeSpan.FromMinutes(2), environment: _environment);

    /// <summary>A field of a container: ".State.Status".</summary>
    public string Inspect(string container, string field) =>
        Succeeds("inspect", "--format", $"{{{{{field}}}}}", container).Trim();

    public void Dispose()
    {
        Run("pod", "rm", "--all", "--force", "--time", "0");
        Run("rm", "--all", "--force", "--time", "0");
        foreach (string line in File.ReadAllLines("/proc/self/mounts"))
        {
            string place = line.Split(' ')[1];
            if (place.StartsWith(_folder.Path, StringComparison.Ordinal))
                HostProgram.Run(["umount", "--lazy", place], TimeSpan.FromMinutes(1));
        }

        _folder.Dispose();
    }

    private List<string> Command(string[] arguments) =>
    [
        "podman", "--root", _folder["root"], "--runroot", _folder["run"], "--tmpdir", _folder["tmp"], "--storage-driver", "vfs",
        "--cgroup-manager", "cgroupfs", "--runtime", Checkout.Runsc, .. arguments,
    ];
}
