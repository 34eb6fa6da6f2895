using System.Globalization;
using System.Text.Json;
using Sandbox.Linux;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Spec;
using static Tmds.Linux.LibC;

namespace Sandbox.Runsc.Commands;

/// <summary><c>do</c>: a command of the host in a sandbox that sees the host's files and cannot change them.</summary>
internal static class DoCommand
{
    public static Command Definition { get; } = new()
    {
        Name = "do",
        Usage = "COMMAND…",
        Summary = "run a command in a sandbox over the host's files, which stay as they are",
        Flags =
        [
            new("root", FlagKind.Value, "directory that becomes the sandbox's root", Default: "/"),
            new("cwd", FlagKind.Value, "working directory", Default: "."),
            new("quiet", FlagKind.Switch, "accepted for other runtimes' sake", Short: "q"),
            new("force-overlay", FlagKind.Value, "accepted for other runtimes' sake"),
        ],
        PositionalBeforeRest = 1,
        Run = Run,
    };

    private static int Run(GlobalOptions options, Arguments arguments)
    {
        if (arguments.Positional.Count == 0)
            throw new Failure("do: the command is missing");
        if (options.OverlaysRoot == false)
            throw new Failure("do: --overlay2=none would let the command change the host's files");
        string root = Path.GetFullPath(arguments.Get("root") ?? "/");
        Specification specification = Specify(root, arguments);
        byte[] config = JsonSerializer.SerializeToUtf8Bytes(specification, SpecJson.Default.Specification);
        // Process ids come again, and what a killed run left behind still has its name.
        string id = string.Create(CultureInfo.InvariantCulture, $"do-{Environment.ProcessId}-{Random.Shared.Next():x}");
        return RunCommand.Run(options, new RunRequest(id, "/", config, specification));
    }

    private static Specification Specify(string root, Arguments arguments)
    {
        bool hasTerminal = HostTerminal.GetAttributes(0, out _) == Errno.Ok
            && HostTerminal.GetAttributes(1, out _) == Errno.Ok;
        List<string> environment = [];
        foreach (System.Collections.DictionaryEntry variable in Environment.GetEnvironmentVariables())
            environment.Add($"{variable.Key}={variable.Value}");
        Specification specification = DefaultSpec.Create();
        ProcessSpec process = specification.Process!;
        process.Terminal = hasTerminal;
        process.Args = [.. arguments.Positional];
        process.Env = [.. environment];
        process.Cwd = arguments.Get("cwd") ?? (root == "/" ? Environment.CurrentDirectory : "/");
        process.User = new UserSpec { Uid = geteuid(), Gid = getegid() };
        process.Capabilities = new CapabilitiesSpec
        {
            Bounding = CapabilityNames.All, Effective = CapabilityNames.All, Permitted = CapabilityNames.All,
        };
        process.NoNewPrivileges = false;
        specification.Root = new RootSpec { Path = root, Readonly = false };
        specification.Hostname = "sandbox";
        specification.Linux!.Namespaces =
        [
            new NamespaceSpec { Type = "pid" }, new NamespaceSpec { Type = "ipc" }, new NamespaceSpec { Type = "uts" },
            new NamespaceSpec { Type = "mount" }, new NamespaceSpec { Type = "network" },
        ];
        specification.Linux.MaskedPaths = null;
        specification.Linux.ReadonlyPaths = null;
        return specification;
    }
}
