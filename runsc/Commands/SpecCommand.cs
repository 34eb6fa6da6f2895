using System.Text.Json;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Spec;

namespace Sandbox.Runsc.Commands;

/// <summary><c>spec</c>: writes a config.json to start from.</summary>
internal static class SpecCommand
{
    public static Command Definition { get; } = new()
    {
        Name = "spec",
        Usage = "[-- COMMAND…]",
        Summary = "write a config.json to start from",
        Flags =
        [
            new("bundle", FlagKind.Value, "directory to write it to", Short: "b", Default: "."),
            new("cwd", FlagKind.Value, "working directory of the command", Default: "/"),
            new("rootless", FlagKind.Switch, "accepted for runc's sake"),
        ],
        PositionalBeforeRest = 1,
        Run = Run,
    };

    private static int Run(GlobalOptions options, Arguments arguments)
    {
        string path = Path.Combine(arguments.Get("bundle") ?? ".", "config.json");
        if (File.Exists(path))
            throw new Failure($"spec: {path} exists already");
        Specification specification = DefaultSpec.Create();
        if (arguments.Positional.Count > 0)
        {
            specification.Process!.Args = [.. arguments.Positional];
            specification.Process.Terminal = false;
        }

        specification.Process!.Cwd = arguments.Get("cwd") ?? "/";
        File.WriteAllText(path, JsonSerializer.Serialize(specification, SpecJson.Default.Specification) + "\n");
        return 0;
    }
}
