using Sandbox.Runsc.Boot;
using Sandbox.SyscallTables;
using static Tmds.Linux.LibC;

namespace Sandbox.Runsc.CommandLine;

/// <summary>What the flags before the command say.</summary>
internal sealed class GlobalOptions
{
    public static readonly Flag[] Flags =
    [
        new("root", FlagKind.Value, "directory of the containers' state", Default: "/var/run/runsc"),
        new("log", FlagKind.Value, "file that errors are appended to"),
        new("log-format", FlagKind.Value, "format of that file: text or json", Default: "text"),
        new("debug", FlagKind.Switch, "log in detail: --debug-log-level=debug"),
        new("debug-log", FlagKind.Value, "file, or directory when it ends in /, of the sandbox's own log"),
        new("debug-log-level", FlagKind.Value, "what goes into it: error, warning, info or debug", Default: "info"),
        new("strace", FlagKind.Switch, "write every system call of the container to the debug log"),
        new("strace-syscalls", FlagKind.Value, "only these, separated by commas (implies --strace)"),
        new("strace-summary", FlagKind.Switch,
            "at the end, write calls, errors and time of each system call to the debug log"),
        new("diagnostics", FlagKind.Switch, "open the sandbox to \"runsc debug\": live counters, latencies, traces"),
        new(
            "platform", FlagKind.Value,
            "how guest code runs: auto (the best that works), notify or ptrace; systrap, other sandboxes' default, is "
            + "taken for auto",
            Default: "auto"),
        new(
            "overlay2", FlagKind.Value,
            "where the container's writes go: none, to the root file system; root:memory, to memory",
            Default: "none for create, else root:memory"),
        new("network", FlagKind.Value, "auto (what is configured in its namespace), host, or none: loopback only",
            Default: "auto"),
        new("direct-memory", FlagKind.Value, "let the host execute verified anonymous memory calls", Default: "true"),
        new("fast-path", FlagKind.Value, "rewrite frequent system calls to go by shared memory: true or false",
            Default: "true"),
        new(
            "fsgsbase", FlagKind.Value,
            "use the processor's FSGSBASE where it has it; false is for tests: as if it had not",
            Default: "true"),
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
    public string DebugLogLevel { get; init; } = "info";
    public bool Strace { get; init; }

    /// <summary>The calls a trace shows; empty for all.</summary>
    public string[] StraceSyscalls { get; init; } = [];
    public bool StraceSummary { get; init; }

    /// <summary>The Sentry opens its diagnostic port.</summary>
    public bool Diagnostics { get; init; }
    public string Platform { get; init; } = "auto";

    /// <summary>
    /// True when writes to the root file system are to stay in the sandbox's memory; null if nothing was said.
    /// </summary>
    public bool? OverlaysRoot { get; init; }
    public string Network { get; init; } = "auto";
    public bool DirectMemory { get; init; } = true;
    public bool FastPath { get; init; }
    public bool FsGsBase { get; init; }
    public bool IgnoreCgroups { get; init; }
    public bool SystemdCgroup { get; init; }
    /// <summary>--file-access; null if nothing was said.</summary>
    public string? FileAccess { get; init; }

    public static GlobalOptions From(Arguments arguments)
    {
        string platform = OneOf(arguments, "platform", PlatformChoice.Names[0], PlatformChoice.Names);
        string[] tracedCalls = TracedCalls(arguments);
        return new GlobalOptions
        {
            Root = Path.GetFullPath(arguments.Get("root") is { Length: > 0 } root ? root : DefaultRoot()),
            Log = arguments.Get("log") is { Length: > 0 } log ? log : null,
            LogIsJson = OneOf(arguments, "log-format", "text", ["text", "json"]) == "json",
            Debug = arguments.Has("debug"),
            DebugLog = arguments.Get("debug-log") is { Length: > 0 } debugLog ? debugLog : null,
            DebugLogLevel = arguments.Has("debug")
                ? "debug" : OneOf(arguments, "debug-log-level", "info", ["error", "warning", "info", "debug"]),
            Strace = Traced(arguments, "strace") || tracedCalls.Length > 0,
            StraceSyscalls = tracedCalls,
            StraceSummary = Traced(arguments, "strace-summary"),
            Diagnostics = arguments.Has("diagnostics"),
            // What other sandboxes call their default is our default too: callers' settings then work unchanged.
            Platform = platform == "systrap" ? PlatformChoice.Names[0] : platform,
            OverlaysRoot = OneOf(arguments, "overlay2", "",
                ["", "none", "root:memory", "all:memory", "root:self"]) is { Length: > 0 } overlay
                ? overlay != "none"
                : null,
            Network = OneOf(arguments, "network", "auto", ["auto", "none", "host", "sandbox"]) is "sandbox" or "auto"
                ? "auto"
                : arguments.Get("network")!,
            DirectMemory = arguments.Get("direct-memory") is null || arguments.Has("direct-memory"),
            FastPath = arguments.Get("fast-path") is null || arguments.Has("fast-path"),
            FsGsBase = arguments.Get("fsgsbase") is null || arguments.Has("fsgsbase"),
            IgnoreCgroups = arguments.Has("ignore-cgroups"),
            SystemdCgroup = arguments.Has("systemd-cgroup"),
            FileAccess = OneOf(arguments, "file-access", "", ["", "exclusive", "shared"]) is { Length: > 0 } access
                ? access
                : null,
        };
    }

    // A trace nobody would ever see is refused, as is a call nobody has heard of.
    private static bool Traced(Arguments arguments, string flag)
    {
        if (!arguments.Has(flag))
            return false;
        return arguments.Get("debug-log") is { Length: > 0 }
            ? true
            : throw new Failure($"--{flag} needs --debug-log=FILE");
    }

    private static string[] TracedCalls(Arguments arguments)
    {
        if (arguments.Get("strace-syscalls") is not { Length: > 0 } list || !Traced(arguments, "strace-syscalls"))
            return [];
        string[] names = list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        LinuxX64 table = new();
        foreach (string name in names)
        {
            if (table.NumberOf(name) < 0)
                throw new Failure($"--strace-syscalls: there is no system call \"{name}\"");
        }

        return names;
    }

    /// <summary>
    /// For root always the same place, whatever the environment holds: callers start the same container with HOME and
    /// XDG_RUNTIME_DIR set, empty or absent.
    /// </summary>
    private static string DefaultRoot()
    {
        uint userId = geteuid();
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
