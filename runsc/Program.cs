using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Commands;

namespace Sandbox.Runsc;

/// <summary>
/// The entry point: finds the command and turns its failure into the one line and the exit code callers expect.
/// </summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        // The other two processes of a sandbox are this program, too; nothing of the command line concerns them.
        if (args is ["boot"])
            return Boot.SentryMain.Run();
        if (args is ["gofer", ..])
            return Gofer.GoferMain.Run(args.AsSpan(1));
        try
        {
            // First, for what is wrong with the flags is to be in the log, too.
            (string? log, bool isJson) = ErrorReport.FindLog(args);
            ErrorReport.UseLog(log, isJson);
            Arguments global = Arguments.Parse("runsc", GlobalOptions.Flags, args, 1);
            if (global.Has("version"))
                return VersionCommand.Print();
            if (global.Positional.Count == 0)
                return HelpCommand.PrintOverview(global.WantsHelp ? 1 : 2, global.WantsHelp ? 0 : 1);
            if (global.WantsHelp)
                return HelpCommand.PrintOverview(1, 0);
            return RunCommand(GlobalOptions.From(global), [.. global.Positional]);
        }
        catch (Failure failure)
        {
            ErrorReport.Write(failure.Message);
            return failure.ExitCode;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            ErrorReport.Write(error.Message);
            return 1;
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            // A mistake of ours: callers still want their line, and whoever mends it the place.
            ErrorReport.Write($"internal error: {error}");
            return 1;
        }
    }

    private static int RunCommand(GlobalOptions options, string[] words)
    {
        Command command = CommandTable.Find(words[0])
            ?? throw new Failure($"unknown command \"{words[0]}\"; \"runsc help\" lists them");
        Arguments arguments = Arguments.Parse(
            command.Name, command.Flags, words.AsSpan(1), command.PositionalBeforeRest);
        return arguments.WantsHelp ? HelpCommand.PrintCommand(command) : command.Run(options, arguments);
    }
}
