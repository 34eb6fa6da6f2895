namespace Sandbox.Runsc.CommandLine;

/// <summary>How a flag takes its value.</summary>
internal enum FlagKind
{
    /// <summary><c>--flag</c>, or <c>--flag=true|false</c>.</summary>
    Switch,

    /// <summary><c>--flag value</c> or <c>--flag=value</c>; the last one counts.</summary>
    Value,

    /// <summary>As Value, but each one counts.</summary>
    Values,
}

/// <summary>One flag of a command. One dash or two make no difference (callers write both).</summary>
/// <param name="Name">Long name without dashes.</param>
/// <param name="Kind">How it takes its value.</param>
/// <param name="Help">What it does, for <c>--help</c>.</param>
/// <param name="Short">A one-letter form, or none.</param>
/// <param name="Default">The value when it is absent, for <c>--help</c>.</param>
internal sealed record Flag(string Name, FlagKind Kind, string Help, string? Short = null, string? Default = null);
