using Sandbox.Harness;
using Sandbox.RuntimeTests.Engines;

namespace Sandbox.RuntimeTests.Podman;

/// <summary>
/// Podman with everything it keeps in a scratch folder, and our binary as its runtime; the images are there already.
/// There is no daemon: disposing removes the containers, and with them their processes.
/// </summary>
public class PodmanEngine : ContainerEngine
{
    public PodmanEngine()
        : base("podman")
    {
        string configuration = Folder["containers.conf"];
        // Podman's own default limits are above what a root without CAP_SYS_RESOURCE may set for conmon's children;
        // locks in files, because those in shared memory are one set for all stores of the machine.
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

            """.Replace("NETWORKS", Folder["networks"]));
        Environment = new() { ["CONTAINERS_CONF"] = configuration };
        Load(ContainerImage.Busybox);
    }

    public override string InitPath => "/run/podman-init";

    protected override Dictionary<string, string> Environment { get; }

    protected override string[] Prefix =>
    [
        "podman", "--root", Folder["root"], "--runroot", Folder["run"], "--tmpdir", Folder["tmp"],
        "--storage-driver", "vfs",
        "--cgroup-manager", "cgroupfs", "--runtime", Checkout.Runsc, .. RuntimeFlags,
    ];

    /// <summary>Flags of podman that give our binary some.</summary>
    protected virtual string[] RuntimeFlags => [];

    protected override string[] Removal => ["rm", "--force", "--time", "0"];

    /// <summary>Runs podman in another process's network namespace, so that its bridge is not the machine's.</summary>
    public HostResult RunInNetworkOf(int process, params string[] arguments) =>
        RunProgram(["nsenter", $"--net=/proc/{process}/ns/net", .. Prefix, .. arguments]);

    protected override void End()
    {
        Run("pod", "rm", "--all", "--force", "--time", "0");
        Run("rm", "--all", "--force", "--time", "0");
    }
}

/// <summary>Podman whose containers are traced.</summary>
public sealed class TracedPodmanEngine : PodmanEngine
{
    protected override string[] RuntimeFlags => ["--runtime-flag", "platform=ptrace"];
}
