using System.Diagnostics;
using Sandbox.Harness;

namespace Sandbox.RuntimeTests.Containerd;

/// <summary>
/// A containerd of the tests' own: an ordinary process with its configuration, images, state and socket in a scratch
/// folder. Disposing removes the containers that are left, stops it,
/// and kills the shims that a failed test left behind.
/// </summary>
public sealed class ContainerdDaemon : IDisposable
{
    private static readonly TimeSpan _startLimit = TimeSpan.FromMinutes(2);
    private static int _nextContainer;
    private readonly ScratchFolder _folder = new("ctrd");
    private readonly string _configuration;
    private readonly Dictionary<string, string> _environment;
    private HostProgram _daemon;

    /// <summary>Starts it and waits until it answers.</summary>
    /// <param name="criSection">Further lines of config.toml; without any, the CRI plugin is off.</param>
    public ContainerdDaemon(Func<ScratchFolder, string>? criSection = null)
    {
        _configuration = _folder["config.toml"];
        _environment = new() { ["CONTAINERD_ADDRESS"] = Socket };
        // Without CAP_SYS_RESOURCE nobody may lower an oom_score; the monitors and shims of the host do not concern us.
        string disabled = criSection is null ? "\"io.containerd.grpc.v1.cri\", " : string.Empty;
        File.WriteAllText(
            _configuration,
            $"""
            version = 2
            root = "{_folder["root"]}"
            state = "{_folder["state"]}"
            oom_score = 0
            disabled_plugins = [{disabled}"io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs",
              "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
            [grpc]
              address = "{Socket}"
            [ttrpc]
              address = "{Socket}.ttrpc"
            {criSection?.Invoke(_folder)}

            """);
        _daemon = Start();
    }

    /// <summary>The gRPC socket. Sockets have short names: the scratch folder's is.</summary>
    public string Socket => _folder["c.sock"];

    public ScratchFolder Folder => _folder;

    /// <summary>A container id nobody else uses.</summary>
    public static string NewId() => $"c{Environment.ProcessId}-{Interlocked.Increment(ref _nextContainer)}";

    /// <summary>Makes an image known to it, in ctr's namespace and in Kubernetes'.</summary>
    public void Import(ContainerImage image, string ctrNamespace = "default")
    {
        string archive = _folder[Guid.NewGuid().ToString("N") + ".tar"];
        image.WriteArchive(archive);
        HostResult result = Ctr(TimeSpan.FromMinutes(5), "-n", ctrNamespace, "image", "import", archive);
        if (result.Status != 0)
            throw new InvalidOperationException($"ctr image import: {result}");
        File.Delete(archive);
    }

    /// <summary>The command line of `ctr`; what runs a container names our binary: <see cref="RunFlags"/>.</summary>
    public static List<string> CtrCommand(params string[] arguments) => ["ctr", .. arguments];

    /// <summary>The flags by which `ctr run` and `ctr container create` use our binary under the stock shim.</summary>
    public static string[] RunFlags => ["--runtime", "io.containerd.runc.v2", "--runc-binary", Checkout.Runsc];

    /// <summary>Runs ctr to its end.</summary>
    public HostResult Ctr(TimeSpan limit, params string[] arguments) =>
        HostProgram.Run(CtrCommand(arguments), limit, environment: _environment);

    /// <summary>Runs ctr to its end, two minutes at most.</summary>
    public HostResult Ctr(params string[] arguments) => Ctr(TimeSpan.FromMinutes(2), arguments);

    /// <summary>Starts ctr and returns at once.</summary>
    public HostProgram StartCtr(params string[] arguments) =>
        HostProgram.Start(CtrCommand(arguments), environment: _environment);

    /// <summary>Starts ctr on a terminal of 100 columns and 40 rows.</summary>
    public HostProgram StartCtrOnTerminal(params string[] arguments) =>
        HostProgram.StartOnTerminal(["env", $"CONTAINERD_ADDRESS={Socket}", .. CtrCommand(arguments)]);

    /// <summary>Ends the daemon by a signal, while its containers run on, and starts it again.</summary>
    public void Restart(int signal = 15)
    {
        HostProgram.SignalProcess(_daemon.Pid, signal);
        _daemon.Wait(TimeSpan.FromMinutes(1));
        _daemon.Dispose();
        _daemon = Start();
    }

    /// <summary>The shims of this daemon: their command lines name its socket.</summary>
    public List<int> Shims()
    {
        List<int> found = [];
        foreach (string directory in Directory.GetDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(directory), out int pid))
                continue;
            try
            {
                if (File.ReadAllText(directory + "/cmdline").Contains(Socket, StringComparison.Ordinal))
                    found.Add(pid);
            }
            catch (IOException)
            {
                // It ended meanwhile.
            }
        }

        return found;
    }

    public void Dispose()
    {
        foreach (string name in (ReadOnlySpan<string>)["default", "k8s.io"])
        {
            foreach (string id in Words(Ctr("-n", name, "task", "ls", "-q").Output))
                Ctr("-n", name, "task", "rm", "--force", id);
        }

        const int kill = 9, terminate = 15;
        HostProgram.SignalProcess(_daemon.Pid, terminate);
        _daemon.Wait(TimeSpan.FromMinutes(1));
        _daemon.Dispose();
        foreach (int shim in Shims())
            HostProgram.SignalProcess(shim, kill);
        Unmount();
        _folder.Dispose();
    }

    private static string[] Words(string text) =>
        text.Split(['\n', ' '], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private HostProgram Start()
    {
        HostProgram daemon = HostProgram.Start(["containerd", "--config", _configuration], environment: _environment);
        _daemon = daemon;
        for (Stopwatch clock = Stopwatch.StartNew(); clock.Elapsed < _startLimit; Thread.Sleep(50))
        {
            if (File.Exists(Socket) && Ctr("version").Status == 0)
                return daemon;
        }

        throw new InvalidOperationException($"containerd does not answer: {daemon.Wait(TimeSpan.Zero)}");
    }

    /// <summary>What a killed shim left mounted below the folder, innermost first.</summary>
    private void Unmount()
    {
        List<string> mounts = [];
        foreach (string line in File.ReadAllLines("/proc/self/mounts"))
        {
            string place = line.Split(' ')[1];
            if (place.StartsWith(_folder.Path, StringComparison.Ordinal))
                mounts.Add(place);
        }

        mounts.Sort(static (first, second) => string.CompareOrdinal(second, first));
        foreach (string place in mounts)
            HostProgram.Run(["umount", "--lazy", place], TimeSpan.FromMinutes(1));
    }
}
