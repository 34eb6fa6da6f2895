using Sandbox.Linux;
using Sandbox.Platform.Spawn;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Spec;
using static Tmds.Linux.LibC;

namespace Sandbox.Runsc.Launch;

/// <summary>
/// Prepares and starts a monitor (<see cref="MonitorImage"/>): a child of the command, left as an orphan to the
/// caller's subreaper when the command ends. A container's has namespaces of the types its configuration asks for,
/// where callers look for the container's network and files.
/// </summary>
internal sealed class MonitorProcess : IDisposable
{
    private readonly SpawnScript _script;
    private readonly HostFd _program = MonitorImage.CreateFile();
    private readonly List<HostFd> _joined = [];

    private MonitorProcess(CloneFlags namespaces) => _script = new SpawnScript(namespaces);

    public int ProcessId => _script.ProcessId;

    /// <summary>The caller's to dispose.</summary>
    public HostFd PidFd => _script.PidFd!;

    /// <summary>
    /// For a container. It joins <paramref name="network"/> if given. <paramref name="console"/> is the terminal it
    /// becomes the controlling process of, or -1.
    /// </summary>
    public static MonitorProcess ForContainer(
        NamespaceSpec[] namespaces, HostFd? network, string rootfs, string[] arguments, HostFd socket, HostFd nullFile,
        int console)
    {
        CloneFlags created = CloneFlags.None;
        foreach (NamespaceSpec item in namespaces)
        {
            if (string.IsNullOrEmpty(item.Path))
                created |= FlagOf(item.Type);
        }

        if (geteuid() != 0)
            created = CloneFlags.None;
        if (network is not null)
            created &= ~CloneFlags.NewNet;
        MonitorProcess monitor = new(created);
        // At once, for callers look at it while it waits: the same namespace the Sentry is in.
        if (network is not null)
            monitor._script.Add("join the network namespace", Sys.setns, network.Number, (long)CloneFlags.NewNet);
        monitor._script.AddWaitForRelease();
        monitor.JoinNamespaces(namespaces);
        if ((created & CloneFlags.NewMount) != 0 && rootfs != "/")
            monitor.ShowRootfs(rootfs, showsProcesses: (created & CloneFlags.NewPid) != 0);
        monitor.AddProgram(arguments, socket, nullFile, console);
        return monitor;
    }

    /// <summary>For a process of exec.</summary>
    public static MonitorProcess ForExecution(string[] arguments, HostFd socket, HostFd nullFile, int console)
    {
        MonitorProcess monitor = new(CloneFlags.None);
        monitor._script.AddWaitForRelease();
        monitor.AddProgram(arguments, socket, nullFile, console);
        return monitor;
    }

    public void Start()
    {
        if (_script.Start() is not Errno.Ok and Errno error)
            throw new Failure($"start the monitor: clone: {error}");
    }

    public void Release() => _script.Release();

    public void Finish()
    {
        SpawnOutcome outcome = _script.Finish();
        if (!outcome.Succeeded)
            throw new Failure($"start the monitor: {outcome}");
    }

    public void Dispose()
    {
        _script.Dispose();
        _program.Dispose();
        foreach (HostFd joined in _joined)
            joined.Dispose();
    }

    private static CloneFlags FlagOf(string? type) => type switch
    {
        "pid" => CloneFlags.NewPid,
        "network" => CloneFlags.NewNet,
        "mount" => CloneFlags.NewMount,
        "ipc" => CloneFlags.NewIpc,
        "uts" => CloneFlags.NewUts,
        "cgroup" => CloneFlags.NewCgroup,
        _ => CloneFlags.None, // "user" and "time" are the sandbox's own business.
    };

    /// <summary>Joins what has a path; a pid namespace can only be joined by children, and so is not.</summary>
    private void JoinNamespaces(NamespaceSpec[] namespaces)
    {
        foreach (NamespaceSpec item in namespaces)
        {
            if (string.IsNullOrEmpty(item.Path) || item.Type is "pid" or "user" or "time" or "mount")
                continue;
            if (HostFile.OpenAt(
                HostFile.CurrentDirectory, System.Text.Encoding.UTF8.GetBytes(item.Path), OpenFlags.CloseOnExec)
                .Failed(out int fd, out Errno error))
            {
                throw new Failure($"config.json: linux.namespaces: open {item.Path}: {error}");
            }

            _joined.Add(new HostFd(fd));
            _script.Add($"join {item.Path}", Sys.setns, fd, (long)FlagOf(item.Type));
        }
    }

    /// <summary>
    /// Callers look at the container's files through /proc/PID/root, and for its processes in /proc there (podman top):
    /// they see the monitor, under its process's arguments. Nothing depends on it, so nothing fails for it.
    /// </summary>
    private void ShowRootfs(string rootfs, bool showsProcesses)
    {
        SpawnArgument path = _script.Text(rootfs), none = _script.Text("none"), here = _script.Text(".");
        _script.AddOptional("mount /", Sys.mount, none, _script.Text("/"), 0, Flags(MS_SLAVE | MS_REC));
        _script.AddOptional("mount the rootfs", Sys.mount, path, path, 0, Flags(MS_BIND | MS_REC));
        _script.AddOptional("chdir", Sys.chdir, path);
        _script.AddOptional("pivot_root", Sys.pivot_root, here, here);
        _script.AddOptional("umount", Sys.umount2, here, MNT_DETACH);
        _script.AddOptional("chdir", Sys.chdir, _script.Text("/"));
        if (showsProcesses)
        {
            _script.AddOptional(
                "mount /proc", Sys.mount, _script.Text("proc"), _script.Text("/proc"), _script.Text("proc"),
                Flags(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC));
        }
    }

    /// <summary>
    /// The program itself, under the arguments of the process it stands for: so callers list it (docker top).
    /// </summary>
    private void AddProgram(string[] arguments, HostFd socket, HostFd nullFile, int console)
    {
        const int maskBytes = 8, noNewPrivileges = 38;
        // All but SIGKILL, SIGSTOP (which cannot be), SIGCHLD and SIGPIPE (which nobody means).
        ulong forwarded = ~(Bit(SIGKILL) | Bit(SIGSTOP) | Bit(SIGCHLD) | Bit(SIGPIPE));
        _script.Add("setsid", Sys.setsid);
        if (console >= 0)
            _script.AddOptional("TIOCSCTTY", Sys.ioctl, console, TIOCSCTTY, 0);
        SpawnArgument all = _script.Bytes(BitConverter.GetBytes(ulong.MaxValue));
        _script.Add("rt_sigprocmask", Sys.rt_sigprocmask, SIG_BLOCK, all, 0, maskBytes);
        SpawnStep signals = _script.Add(
            "signalfd", Sys.signalfd4, -1, _script.Bytes(BitConverter.GetBytes(forwarded)), maskBytes, 0);
        _script.Control("PR_SET_NO_NEW_PRIVS", noNewPrivileges, 1);
        // The signalfd's number is known only in the child: it takes the last place of the packed ones.
        const int above = 64;
        SpawnStep moved = _script.Add("dup the signalfd", Sys.fcntl, _script.ResultOf(signals), F_DUPFD, above);
        SpawnStep program = _script.Add("dup the program", Sys.fcntl, _program.Number, F_DUPFD_CLOEXEC, above);
        int standard = console >= 0 ? console : nullFile.Number;
        _script.PassDescriptors([standard, nullFile.Number, nullFile.Number, socket.Number]);
        _script.Add("dup3", Sys.dup3, _script.ResultOf(moved), MonitorImage.SignalFd, 0);
        _script.CloseFrom(MonitorImage.SignalFd + 1);
        _script.Add(
            "execute monitor", Sys.execveat, _script.ResultOf(program), _script.Text(string.Empty),
            _script.Texts(Shorten(arguments)), _script.Texts([]), (long)AtFlags.EmptyPath);
    }

    private static ulong Bit(int signal) => 1ul << (signal - 1);

    private static long Flags(Tmds.Linux.ulong_t flags) => (long)(ulong)flags;

    /// <summary>Arguments may take megabytes; these are only to be read by people.</summary>
    private static string[] Shorten(string[] arguments)
    {
        const int countMax = 64, lengthMax = 256;
        string[] shortened = arguments[..Math.Min(arguments.Length, countMax)];
        return Array.ConvertAll(shortened, static text => text.Length <= lengthMax ? text : text[..lengthMax]);
    }
}
