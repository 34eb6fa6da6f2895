using Sandbox.Runsc.CommandLine;

namespace Sandbox.Runsc.Commands;

/// <summary>All commands, in the order help lists them.</summary>
internal static class CommandTable
{
    /// <summary>
    /// The command of that name, or null. A switch, so that starting one does not build all the others.
    /// </summary>
    public static Command? Find(string name) => name switch
    {
        "run" => RunCommand.Definition,
        "do" => DoCommand.Definition,
        "create" => CreateCommand.Definition,
        "start" => StartCommand.Definition,
        "exec" => ExecCommand.Definition,
        "kill" => KillCommand.Definition,
        "delete" => DeleteCommand.Definition,
        "state" => StateCommand.Definition,
        "list" => ListCommand.Definition,
        "ps" => PsCommand.Definition,
        "pause" => PauseCommand.Pause,
        "resume" => PauseCommand.Resume,
        "update" => UpdateCommand.Definition,
        "wait" => WaitCommand.Definition,
        "events" => EventsCommand.Definition,
        "debug" => DebugCommand.Definition,
        "metrics" => MetricsCommand.Definition,
        "spec" => SpecCommand.Definition,
        "features" => FeaturesCommand.Definition,
        "syscalls" => SyscallsCommand.Definition,
        "checkpoint" => CheckpointCommand.Checkpoint,
        "restore" => CheckpointCommand.Restore,
        "help" => HelpCommand.Definition,
        _ => null,
    };

    /// <summary>The commands a person may want.</summary>
    public static string[] Names { get; } =
    [
        "run", "do", "create", "start", "exec", "kill", "delete", "state", "list", "ps", "pause", "resume", "update",
        "wait", "events", "metrics", "debug", "spec", "features", "syscalls", "checkpoint", "restore", "help",
    ];
}
