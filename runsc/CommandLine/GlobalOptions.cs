using Sandbox.Linux;

namespace Sandbox.Runsc.CommandLine;

/// <summary>What the flags before the command say.</summary>
internal sealed class GlobalOptions
{
    public static readonly Flag[] Flags =
    [
        new("root", FlagKind.Value, "directory of the containers' state", Default: "/var/run/runsc"),
        new("log", FlagKind.Value, "file that errors are appended to"),
        new("log-format", FlagKind.Value, "format of that file: text or json", Default: "text"),
        new("debug", FlagKind.Switch, "log in detail"),
        new("debug-log", FlagKind.Value, "file, or directory when it ends in /, of the sandbox's own log"),
        new("strace", FlagKind.Switch, "log every system call of the container (needs --debug-log)"),
        new("platform", FlagKind.Value, "how guest code runs: notify", Default: "notify"),
        new(
            "overlay2", FlagKind.Value, "where the container's writes go: none, to the root file system; root:memory, to memory",
            Default: "none for create, else root:memory"),
        new("network", FlagKind.Value, "none: loopback only", Default: "none"),
        new("direct-memory", FlagKind.Value, "let the host execute verified anonymous memory calls", Default: "true"),
        new("ignore-cgroups", FlagKind.Switch, "make no cgroups"),
        new("systemd-cgroup", FlagKind.Switch, "read cgroupsPath as slice:prefix:name"),
        new("rootless", FlagKind.Value, "accepted for runc's sake: true, false or auto", Default: "auto"),
        new("criu", FlagKind.Value, "accepted for runc's sake, not used"),
        new("host-uds", FlagKind.Value, "accepted for other runtimes' sake: none", Default: "none"),
        new(
            "file-access", FlagKind.Value, "exclusive or shared: who else writes the root file system",
            Default: "exclusive, with a look once a second after create"),
        new("version", FlagKind.Switch, "print the version", Short: "v"),
    ];

    public required string Root { get; init; }
    public string? Log { get; init; }
    public bool LogIsJson { get; init; }
    public bool Debug { get; init; }
    public string? DebugLog { get; init; }
    public bool Strace { get; init; }
    public string Platform { get; init; } = "notify";

    /// <summary>True when writes to the root file system are to stay in the sandbox's memory; null if nothing was said.</summary>
    public bool? OverlaysRoot { get; init; }
    public string Network { get; init; } = "none";
    public bool DirectMemory { get; init; } = true;
    public bool IgnoreCgroups { get; init; }
    public bool SystemdCgroup { get; init; }
    /// <summary>--file-access; null if nothing was said.</summary>
    public string? FileAccess { get; init; }

    public static GlobalOptions From(Arguments arguments)
    {
        string platform = OneOf(arguments, "platform", "notify", ["notify", "systrap", "ptrace"]);
        return new GlobalOptions
        {
            Root = Path.GetFullPath(arguments.Get("root") is { Length: > 0 } root ? root : DefaultRoot()),
            Log = arguments.Get("log") is { Length: > 0 } log ? log : null,
            LogIsJson = OneOf(arguments, "log-format", "text", ["text", "json"]) == "json",
            Debug = arguments.Has("debug"),
            DebugLog = arguments.Get("debug-log") is { Length: > 0 } debugLog ? debugLog : null,
            Strace = arguments.Has("strace"),
            // What other sandboxes call their default is our default too: callers' settings then work unchanged.
            Platform = Supported("platform", platform == "systrap" ? "notify" : platform, "notify"),
            OverlaysRoot = OneOf(arguments, "overlay2", "", ["", "none", "root:memory", "all:memory", "root:self"]) is { Length: > 0 } overlay
                ? overlay != "none"
                : null,
            Network = Supported("network", OneOf(arguments, "network", "none", ["none", "host", "sandbox"]), "none"),
            DirectMemory = arguments.Get("direct-memory") is null || arguments.Has("direct-memory"),
            IgnoreCgroups = arguments.Has("ignore-cgroups"),
            SystemdCgroup = arguments.Has("systemd-cgroup"),
            FileAccess = OneOf(arguments, "file-access", "", ["", "exclusive", "shared"]) is { Length: > 0 } access ? access : null,
        };
    }

    // A value that is known but cannot be had yet is refused by name: nobody is to believe in a network that is not there.
    private static string Supported(string flag, string value, string only) =>
        value == only ? value : throw new Failure($"--{flag}={value}: not supported yet, only {only} is");

    /// <summary>
    /// For root always the same place, whatever the environment holds: callers start the same container with HOME and
    /// XDG_RUNTIME_DIR set, empty or absent.
    /// </summary>
    private static string DefaultRoot()
    {
        long userId = HostSyscall.Call(Sys.geteuid);
        if (userId == 0)
            return "/var/run/runsc";
        string? runtime = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR");
        return string.IsNullOrEmpty(runtime) ? $"/tmp/runsc-{userId}" : Path.Combine(runtime, "runsc");
    }

    private static string OneOf(Arguments arguments, string name, string absent, ReadOnlySpan<string> allowed)
    {
        string value = arguments.Get(name) ?? absent;
        if (allowed.Contains(value))
            return value;
        throw new Failure($"--{name}: \"{value}\" is none of {string.Join(", ", allowed!)}");
    }
}
