namespace Sandbox.Runsc.Spec;

/// <summary>What <c>runsc spec</c> writes: a shell in a container with the usual mounts.</summary>
internal static class DefaultSpec
{
    private static readonly string[] _capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

    public static Specification Create() => new()
    {
        OciVersion = "1.0.2",
        Process = new ProcessSpec
        {
            Terminal = true,
            User = new UserSpec(),
            Args = ["sh"],
            Env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            Cwd = "/",
            Capabilities = new CapabilitiesSpec
            {
                Bounding = _capabilities, Effective = _capabilities, Permitted = _capabilities,
            },
            Rlimits = [new RlimitSpec { Type = "RLIMIT_NOFILE", Hard = 1024, Soft = 1024 }],
            NoNewPrivileges = true,
        },
        Root = new RootSpec { Path = "rootfs", Readonly = true },
        Hostname = "runsc",
        Mounts = Mounts(),
        Linux = new LinuxSpec
        {
            Resources = new ResourcesSpec { Devices = [new DeviceRuleSpec { Allow = false, Access = "rwm" }] },
            Namespaces =
            [
                new NamespaceSpec { Type = "pid" }, new NamespaceSpec { Type = "network" },
                new NamespaceSpec { Type = "ipc" }, new NamespaceSpec { Type = "uts" },
                new NamespaceSpec { Type = "mount" }, new NamespaceSpec { Type = "cgroup" },
            ],
            MaskedPaths =
            [
                "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
                "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
            ],
            ReadonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    };

    /// <summary>The mounts every container expects below /proc, /dev and /sys.</summary>
    public static MountSpec[] Mounts() =>
    [
        Mount("/proc", "proc", "proc"),
        Mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        Mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
        Mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
        Mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
        Mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
        Mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro"),
    ];

    private static MountSpec Mount(string destination, string type, string source, params string[] options) =>
        new() { Destination = destination, Type = type, Source = source, Options = options.Length == 0
            ? null
            : options };
}
