using System.Globalization;

namespace Sandbox.Runsc.CommandLine;

/// <summary>Parsed flags and the arguments that are none.</summary>
internal sealed class Arguments
{
    private readonly Dictionary<string, List<string>> _values = new(StringComparer.Ordinal);
    private readonly List<string> _positional = [];
    private readonly string _command;

    private Arguments(string command) => _command = command;

    /// <summary>The arguments that are no flags, in order.</summary>
    public IReadOnlyList<string> Positional => _positional;

    /// <summary>True if <c>--help</c> or <c>-h</c> was among the flags.</summary>
    public bool WantsHelp { get; private set; }

    /// <summary>
    /// Takes flags off <paramref name="arguments"/>. After <paramref name="positionalBeforeRest"/> positional arguments
    /// everything is positional ("exec ID ls -l"); int.MaxValue lets flags stand anywhere.
    /// </summary>
    public static Arguments Parse(
        string command, ReadOnlySpan<Flag> flags, ReadOnlySpan<string> arguments, int positionalBeforeRest)
    {
        Arguments parsed = new(command);
        for (int index = 0; index < arguments.Length; index++)
        {
            string argument = arguments[index];
            if (argument == "--")
            {
                parsed._positional.AddRange(arguments[(index + 1)..]);
                break;
            }

            if (!LooksLikeFlag(argument))
            {
                parsed._positional.Add(argument);
                if (parsed._positional.Count < positionalBeforeRest)
                    continue;
                parsed._positional.AddRange(arguments[(index + 1)..]);
                break;
            }

            index = parsed.TakeFlag(flags, arguments, index);
        }

        return parsed;
    }

    /// <summary>The flag's last value, or null.</summary>
    public string? Get(string name) => _values.TryGetValue(name, out List<string>? values) ? values[^1] : null;

    /// <summary>All values of the flag.</summary>
    public IReadOnlyList<string> GetAll(string name) =>
        _values.TryGetValue(name, out List<string>? values) ? values : [];

    /// <summary>True if the switch is on.</summary>
    public bool Has(string name) => Get(name) is not (null or "false" or "0" or "f" or "F" or "FALSE" or "False");

    /// <summary>The flag's value as a number from 0 to 2^31-1.</summary>
    public int GetNumber(string name, int absent)
    {
        if (Get(name) is not { } text)
            return absent;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? number
            : throw new Failure($"{_command}: --{name}: \"{text}\" is not a number");
    }

    /// <summary>The only positional argument; fails when there are more or none.</summary>
    public string Single(string what) => _positional.Count switch
    {
        0 => throw new Failure($"{_command}: {what} is missing"),
        1 => _positional[0],
        _ => throw new Failure($"{_command}: unexpected argument \"{_positional[1]}\""),
    };

    /// <summary>"-9" is a signal, "-" is standard input: no flags.</summary>
    private static bool LooksLikeFlag(string argument) =>
        argument.Length > 1 && argument[0] == '-' && !char.IsAsciiDigit(argument[1]);

    private int TakeFlag(ReadOnlySpan<Flag> flags, ReadOnlySpan<string> arguments, int index)
    {
        string argument = arguments[index];
        string text = argument[(argument[1] == '-' ? 2 : 1)..];
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        string name = equals < 0 ? text : text[..equals];
        string? value = equals < 0 ? null : text[(equals + 1)..];
        if (Find(flags, name) is not { } flag)
        {
            if (name is "help" or "h")
            {
                WantsHelp = true;
                return index;
            }

            throw new Failure($"{_command}: unknown flag {argument}");
        }

        if (value is null && flag.Kind == FlagKind.Switch)
            value = "true";
        if (value is null)
        {
            if (++index == arguments.Length)
                throw new Failure($"{_command}: flag {argument} needs a value");
            value = arguments[index];
        }

        if (!_values.TryGetValue(flag.Name, out List<string>? values))
            _values[flag.Name] = values = [];
        values.Add(value);
        return index;
    }

    private static Flag? Find(ReadOnlySpan<Flag> flags, string name)
    {
        foreach (Flag flag in flags)
        {
            if (flag.Name == name || flag.Short == name)
                return flag;
        }

        return null;
    }
}
