namespace Sandbox.Runsc.CommandLine;

/// <summary>One command of the command line. Each stands in a file of its own in Commands/.</summary>
internal sealed class Command
{
    public required string Name { get; init; }

    /// <summary>The arguments after the flags, for the usage line: "CONTAINER [SIGNAL]".</summary>
    public string Usage { get; init; } = string.Empty;

    /// <summary>One line for the list of commands.</summary>
    public required string Summary { get; init; }
    public Flag[] Flags { get; init; } = [];

    /// <summary>After so many positional arguments the rest is not searched for flags.</summary>
    public int PositionalBeforeRest { get; init; } = int.MaxValue;

    /// <summary>Does it; gives the exit code, or throws <see cref="Failure"/>.</summary>
    public required Func<GlobalOptions, Arguments, int> Run { get; init; }
}
