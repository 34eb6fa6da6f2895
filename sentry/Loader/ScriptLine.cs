namespace Sandbox.Sentry.Loader;

/// <summary>The first line of a script: "#!interpreter [argument]" (execve(2), "Interpreter scripts").</summary>
internal readonly record struct ScriptLine(byte[] Interpreter, byte[]? Argument)
{
    /// <summary>
    /// The kernel looks at this many bytes (BINPRM_BUF_SIZE); the line must end within them or is cut there.
    /// </summary>
    public const int MaxBytes = 256;

    /// <summary>The parsed line, or null if the file is no script or names no interpreter (ENOEXEC).</summary>
    public static ScriptLine? Parse(ReadOnlySpan<byte> head)
    {
        if (head.Length < 3 || head[0] != '#' || head[1] != '!')
            return null;
        head = head[2..];
        int end = head.IndexOf((byte)'\n');
        bool isCut = end < 0 && head.Length >= MaxBytes - 2;
        ReadOnlySpan<byte> line = (end < 0 ? head : head[..end]).TrimStart(" \t"u8);
        int nul = line.IndexOf((byte)0);
        if (nul >= 0)
        {
            line = line[..nul];
            isCut = false;
        }

        int blank = line.IndexOfAny((byte)' ', (byte)'\t');

        // A cut interpreter name would run the wrong file.
        if (line.IsEmpty || (isCut && blank < 0))
            return null;
        if (blank < 0)
            return new ScriptLine(line.ToArray(), null);
        ReadOnlySpan<byte> argument = line[blank..].Trim(" \t"u8);
        return new ScriptLine(line[..blank].ToArray(), argument.IsEmpty ? null : argument.ToArray());
    }
}
