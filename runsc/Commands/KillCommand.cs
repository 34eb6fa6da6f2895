using System.Globalization;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Launch;
using Sandbox.Runsc.State;
using Sandbox.Sentry.Control;

namespace Sandbox.Runsc.Commands;

/// <summary><c>kill</c>: sends a signal.</summary>
internal static class KillCommand
{
    /// <summary>By number, from 1.</summary>
    private static readonly string[] _names =
    [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
        "ALRM", "TERM",
        "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
        "WINCH", "IO",
        "PWR", "SYS",
    ];

    public static Command Definition { get; } = new()
    {
        Name = "kill",
        Usage = "CONTAINER [SIGNAL]",
        Summary = "send a signal to a container's process (SIGTERM)",
        Flags =
        [
            new("all", FlagKind.Switch, "to all processes of the container", Short: "a"),
        ],
        Run = Run,
    };

    /// <summary>A signal's number from "15", "TERM" or "SIGTERM"; -1 if there is none.</summary>
    public static int ParseSignal(string text)
    {
        const int most = 64, realTimeMinimum = 34;
        if (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number))
        {
            number = text[0] == '-' ? -number : number;
            return number is >= 0 and <= most ? number : -1;
        }

        string name = text.ToUpperInvariant();
        name = name.StartsWith("SIG", StringComparison.Ordinal) ? name[3..] : name;
        return name switch
        {
            "POLL" => 29,
            "IOT" => 6,
            "CLD" => 17,
            "RTMIN" => realTimeMinimum,
            "RTMAX" => most,
            _ => Array.IndexOf(_names, name) is >= 0 and int index ? index + 1 : -1,
        };
    }

    private static int Run(GlobalOptions options, Arguments arguments)
    {
        if (arguments.Positional.Count is 0 or > 2)
            throw new Failure("kill: needs a container's id and at most a signal");
        string id = arguments.Positional[0], name = arguments.Positional.Count > 1 ? arguments.Positional[1] : "TERM";
        int signal = ParseSignal(name);
        if (signal < 0)
            throw new Failure($"kill: unknown signal \"{name}\"");
        StateDirectory states = new(options.Root);
        using ContainerDirectory directory = states.Open(id);
        ContainerState state = directory.Load();
        bool all = arguments.Has("all");
        if (ContainerLife.Status(state) == "stopped")
            return all ? 0 : throw new Failure("container not running");
        using ControlClient client = ContainerLife.Connect(states, state);
        client.Ask(new ControlRequest { Method = ControlMethod.Signal, Container = id, Signal = signal, All = all });
        return 0;
    }
}
