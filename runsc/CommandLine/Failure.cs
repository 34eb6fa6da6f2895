namespace Sandbox.Runsc.CommandLine;

/// <summary>
/// Ends a command with one line for the user. Commands run once and on one thread, so an exception is the short way
/// out; nothing a guest does gets here.
/// </summary>
/// <param name="message">One line, lower case, naming the field or file.</param>
/// <param name="exitCode">The process's exit code: 1 is what runc uses.</param>
internal sealed class Failure(string message, int exitCode = 1) : Exception(message)
{
    public int ExitCode { get; } = exitCode;
}
