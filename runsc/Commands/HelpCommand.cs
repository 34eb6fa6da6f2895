using System.Text;
using Sandbox.Runsc.CommandLine;

namespace Sandbox.Runsc.Commands;

/// <summary><c>help [COMMAND]</c>, and what <c>--help</c> prints.</summary>
internal static class HelpCommand
{
    public static Command Definition { get; } = new()
    {
        Name = "help",
        Usage = "[COMMAND]",
        Summary = "describe a command, or list them",
        Run = static (_, arguments) =>
        {
            if (arguments.Positional.Count == 0)
                return PrintOverview(1, 0);
            string name = arguments.Single("the command");
            return PrintCommand(CommandTable.Find(name) ?? throw new Failure($"help: unknown command \"{name}\""));
        },
    };

    public static int PrintOverview(int fd, int exitCode)
    {
        StringBuilder text = new("Usage: runsc [FLAGS] COMMAND [FLAGS] [ARGUMENTS]\n\nCommands:\n");
        foreach (string name in CommandTable.Names)
        {
            if (CommandTable.Find(name) is { } command)
                text.Append("  ").Append(command.Name.PadRight(12)).Append(command.Summary).Append('\n');
        }

        text.Append("\nFlags:\n");
        AppendFlags(text, GlobalOptions.Flags);
        text.Append("\n\"runsc help COMMAND\" describes a command.\n");
        ErrorReport.WriteTo(fd, text.ToString());
        return exitCode;
    }

    public static int PrintCommand(Command command)
    {
        StringBuilder text = new(
            $"Usage: runsc {command.Name}{(command.Flags.Length > 0 ? " [FLAGS]" : string.Empty)}");
        text.Append(command.Usage.Length > 0 ? " " + command.Usage : string.Empty).Append("\n\n");
        text.Append(char.ToUpperInvariant(command.Summary[0])).Append(command.Summary.AsSpan(1)).Append(".\n");
        if (command.Flags.Length > 0)
            text.Append("\nFlags:\n");
        AppendFlags(text, command.Flags);
        ErrorReport.WriteTo(1, text.ToString());
        return 0;
    }

    private static void AppendFlags(StringBuilder text, ReadOnlySpan<Flag> flags)
    {
        foreach (Flag flag in flags)
        {
            string name = (flag.Short is null ? "--" : $"-{flag.Short}, --") + flag.Name;
            string value = flag.Kind == FlagKind.Switch ? name : name + " VALUE";
            text.Append("  ").Append(value.PadRight(28)).Append(flag.Help);
            if (flag.Default is not null)
                text.Append(" (default ").Append(flag.Default).Append(')');
            text.Append('\n');
        }
    }
}
