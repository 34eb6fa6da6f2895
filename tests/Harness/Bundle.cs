using System.Text.Json.Nodes;

namespace Sandbox.Harness;

/// <summary>
/// An OCI bundle: a folder with a root file system and a config.json that `runsc spec` could have written.
/// </summary>
public sealed class Bundle
{
    private static readonly string[] _allCapabilities =
    [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
        "CAP_SETUID", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK",
        "CAP_IPC_OWNER",
        "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_ADMIN", "CAP_SYS_NICE", "CAP_MKNOD", "CAP_SETFCAP",
    ];

    public Bundle(string folder, string root, params string[] arguments)
    {
        Folder = folder;
        Directory.CreateDirectory(folder);
        Config = new JsonObject
        {
            ["ociVersion"] = "1.0.2",
            ["process"] = new JsonObject
            {
                ["terminal"] = false,
                ["user"] = new JsonObject { ["uid"] = 0, ["gid"] = 0 },
                ["args"] = Strings(arguments),
                ["env"] = Strings(
                    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TERM=xterm"),
                ["cwd"] = "/",
                ["capabilities"] = new JsonObject
                {
                    ["bounding"] = Strings(_allCapabilities),
                    ["effective"] = Strings(_allCapabilities),
                    ["permitted"] = Strings(_allCapabilities),
                },
                ["rlimits"] = new JsonArray(Limit("RLIMIT_NOFILE", 1024, 4096)),
                ["noNewPrivileges"] = false,
            },
            ["root"] = new JsonObject { ["path"] = root, ["readonly"] = false },
            ["hostname"] = "sandbox",
            ["mounts"] = new JsonArray(
                Mount("/proc", "proc", "proc"),
                Mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
                Mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
                Mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
                Mount("/tmp", "tmpfs", "tmpfs", "nosuid", "nodev", "mode=1777"),
                Mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro")),
            ["linux"] = new JsonObject
            {
                ["namespaces"] = new JsonArray(
                    Namespace("pid"), Namespace("network"), Namespace("ipc"), Namespace("uts"), Namespace("mount")),
            },
        };
    }

    /// <summary>The bundle's folder, for --bundle.</summary>
    public string Folder { get; }

    /// <summary>The whole configuration: change what the test is about, then <see cref="Write"/>.</summary>
    public JsonObject Config { get; }

    /// <summary>The "process" object.</summary>
    public JsonObject Process => (JsonObject)Config["process"]!;

    /// <summary>The "mounts" array.</summary>
    public JsonArray Mounts => (JsonArray)Config["mounts"]!;

    /// <summary>Writes config.json; call again after every change.</summary>
    public Bundle Write()
    {
        File.WriteAllText(Path.Combine(Folder, "config.json"), Config.ToJsonString());
        return this;
    }

    public static JsonObject Mount(string destination, string type, string source, params string[] options) => new()
    {
        ["destination"] = destination,
        ["type"] = type,
        ["source"] = source,
        ["options"] = Strings(options),
    };

    public static JsonObject Limit(string type, ulong soft, ulong hard) =>
        new() { ["type"] = type, ["soft"] = soft, ["hard"] = hard };

    public static JsonArray Strings(params string[] values)
    {
        JsonArray array = [];
        foreach (string value in values)
            array.Add(value);
        return array;
    }

    private static JsonObject Namespace(string type) => new() { ["type"] = type };
}
