using System.Globalization;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Launch;
using Sandbox.Runsc.Spec;
using Sandbox.Runsc.State;

namespace Sandbox.Runsc.Commands;

/// <summary><c>exec</c>: a further process in a running container.</summary>
internal static class ExecCommand
{
    public static Command Definition { get; } = new()
    {
        Name = "exec",
        Usage = "CONTAINER [COMMAND…]",
        Summary = "run a further process in a running container",
        Flags =
        [
            new("process", FlagKind.Value, "file with the process as JSON", Short: "p"),
            new("detach", FlagKind.Switch, "do not wait for it", Short: "d"),
            new("pid-file", FlagKind.Value, "file to write the process id to"),
            new("console-socket", FlagKind.Value, "unix socket that gets the master of its terminal"),
            new("tty", FlagKind.Switch, "give it a terminal", Short: "t"),
            new("preserve-fds", FlagKind.Value, "how many descriptors from 3 on it gets", Default: "0"),
            new("cwd", FlagKind.Value, "its working directory"),
            new("env", FlagKind.Values, "a variable of its environment, NAME=VALUE", Short: "e"),
            new("user", FlagKind.Value, "UID[:GID] it runs as", Short: "u"),
            new("additional-gids", FlagKind.Values, "a further group it is in", Short: "g"),
            new("cap", FlagKind.Values, "a further capability it has", Short: "c"),
            new("no-new-privs", FlagKind.Switch, "it cannot gain privileges"),
            new("apparmor", FlagKind.Value, "a profile of the host's; warns that there is none in a sandbox"),
            new("process-label", FlagKind.Value,
                "a label of the host's SELinux; warns that there is none in a sandbox"),
            new("no-subreaper", FlagKind.Switch, "accepted for runc's sake"),
            new("ignore-paused", FlagKind.Switch, "also in a paused container"),
        ],
        PositionalBeforeRest = 1,
        Run = Run,
    };

    private static int Run(GlobalOptions options, Arguments arguments)
    {
        if (arguments.Positional.Count == 0)
            throw new Failure("exec: the container's id is missing");
        foreach (string flag in (ReadOnlySpan<string>)["apparmor", "process-label"])
        {
            if (arguments.Get(flag) is { Length: > 0 } value)
                ErrorReport.Warn($"exec: --{flag} {value}: has no effect, the host's kernel does not see the process");
        }

        StateDirectory states = new(options.Root);
        string id = arguments.Positional[0];
        bool isDetached = arguments.Has("detach");
        ProcessSpec process;
        ContainerState state;
        using (ContainerDirectory directory = states.Open(id))
        {
            state = directory.Load();
            string status = ContainerLife.Status(state);
            if (status == "paused" && !arguments.Has("ignore-paused"))
                throw new Failure($"cannot exec in a paused container (use --ignore-paused to override)");
            if (status is not ("running" or "paused"))
                throw new Failure(status == "stopped" ? "cannot exec in a stopped container" : "container not running");
            process = ReadProcess(directory, arguments);
        }

        using ConsolePair? console = ConsolePair.For(process, arguments.Get("console-socket"), isDetached);
        using Foreground? foreground = isDetached ? null : new Foreground(console);
        using Execution execution = new(states, state, process, console, CreateFlags.PreserveFds(arguments));
        execution.Start();
        CreateFlags.WritePidFile(arguments.Get("pid-file"), execution.MonitorId);
        return foreground?.Wait(execution.Monitor, execution.MonitorId) ?? 0;
    }

    private static ProcessSpec ReadProcess(ContainerDirectory directory, Arguments arguments)
    {
        ProcessSpec process;
        if (arguments.Get("process") is { } file)
        {
            process = SpecReader.ReadProcess(file);
        }
        else
        {
            process = SpecReader.Parse(directory.LoadConfig() ?? [], "config.json").Process!;
            process.Terminal = false;
            process.ConsoleSize = null;
            process.Args = [.. arguments.Positional];
            process.Args = process.Args[1..];
            if (process.Args.Length == 0)
                throw new Failure("exec: the command is missing");
            ApplyFlags(process, arguments);
        }

        if (arguments.Has("tty"))
            process.Terminal = true;
        return process;
    }

    private static void ApplyFlags(ProcessSpec process, Arguments arguments)
    {
        process.Cwd = arguments.Get("cwd") ?? process.Cwd;
        process.Env = [.. process.Env ?? [], .. arguments.GetAll("env")];
        process.NoNewPrivileges |= arguments.Has("no-new-privs");
        process.User ??= new UserSpec();
        if (arguments.Get("user") is { } user)
        {
            string[] ids = user.Split(':');
            process.User.Uid = Number(ids[0], "user");
            process.User.Gid = ids.Length > 1 ? Number(ids[1], "user") : process.User.Gid;
        }

        if (arguments.GetAll("additional-gids") is { Count: > 0 } groups)
            process.User.AdditionalGids = Array.ConvertAll<string, uint>(
                [.. groups], static text => Number(text, "additional-gids"));
        if (arguments.GetAll("cap") is { Count: > 0 } added)
        {
            CapabilitiesSpec sets = process.Capabilities ??= new CapabilitiesSpec();
            sets.Bounding = [.. sets.Bounding ?? [], .. added];
            sets.Effective = [.. sets.Effective ?? [], .. added];
            sets.Permitted = [.. sets.Permitted ?? [], .. added];
        }
    }

    private static uint Number(string text, string flag) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint number)
            ? number
            : throw new Failure($"exec: --{flag}: \"{text}\" is not a number");
}
