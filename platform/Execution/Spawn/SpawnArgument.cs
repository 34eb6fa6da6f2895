namespace Sandbox.Platform.Spawn;

/// <summary>
/// One argument of a script's system call: a number, the address of prepared bytes, or the result of an earlier step.
/// </summary>
public readonly record struct SpawnArgument
{
    private SpawnArgument(long value, bool isIndirect) => (Value, IsIndirect) = (value, isIndirect);

    /// <summary>The argument, or the address it is loaded from.</summary>
    internal long Value { get; }

    internal bool IsIndirect { get; }

    internal static SpawnArgument LoadedFrom(long address) => new(address, true);

    public static implicit operator SpawnArgument(long value) => new(value, false);
}

/// <summary>A step of a <see cref="SpawnScript"/>, for <see cref="SpawnScript.ResultOf"/>.</summary>
public readonly record struct SpawnStep(int Index);
