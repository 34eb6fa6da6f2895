using Sandbox.Runsc.CommandLine;

namespace Sandbox.Runsc.Commands;

/// <summary>
/// <c>checkpoint</c> and <c>restore</c>: known, so that callers' probes get a plain answer, and refused.
/// </summary>
internal static class CheckpointCommand
{
    public static Command Checkpoint { get; } = Define("checkpoint", "save a running container (not supported)");

    public static Command Restore { get; } = Define("restore", "continue a saved container (not supported)");

    private static Command Define(string name, string summary) => new()
    {
        Name = name,
        Usage = "CONTAINER",
        Summary = summary,
        Flags =
        [
            .. CreateFlags.All,
            new("image-path", FlagKind.Value, "directory of the saved state"),
            new("work-path", FlagKind.Value, "directory for intermediate files"),
            new("leave-running", FlagKind.Switch, "let it go on"),
            new("detach", FlagKind.Switch, "do not wait", Short: "d"),
            new("no-subreaper", FlagKind.Switch, "accepted for runc's sake"),
        ],
        Run = (_, _) => throw new Failure($"{name} is not supported"),
    };
}
