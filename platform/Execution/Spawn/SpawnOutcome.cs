using Sandbox.Linux;

namespace Sandbox.Platform.Spawn;

/// <summary>How a script ended: the child executes its program, or which step failed and why.</summary>
/// <param name="Step">The failed step's name; null when the program was executed.</param>
/// <param name="Error">
/// Its error. <see cref="Errno.ECANCELED"/> when the child was killed in the step, or read end of file where it waited.
/// </param>
public readonly record struct SpawnOutcome(string? Step, Errno Error)
{
    public bool Succeeded => Step is null;

    public override string ToString() => Step is null ? "started" : $"{Step}: {Error}";
}
