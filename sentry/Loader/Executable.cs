using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Loader;

/// <summary>
/// A file that execve found to be runnable, with its interpreter if it has one, and scripts resolved down to the
/// program that runs them. Owns references to the open files.
/// </summary>
internal sealed class Executable : IDisposable
{
    /// <summary>Scripts that name scripts (BINPRM_MAX_RECURSION is 4 rewrites).</summary>
    private const int MaxScriptDepth = 4;

    private Executable(OpenFile file, ElfImage image, byte[] commandName)
    {
        (File, Image, CommandName) = (file, image, commandName);
    }

    public OpenFile File { get; }
    public ElfImage Image { get; }
    public OpenFile? Interpreter { get; private set; }
    public ElfImage? InterpreterImage { get; private set; }

    /// <summary>comm: the last component of the name the caller gave, at most 15 bytes.</summary>
    public byte[] CommandName { get; }

    /// <summary>
    /// Takes over <paramref name="file"/> (opened for execution) and finds out how to run it.
    /// For a script the arguments in
    /// <paramref name="strings"/> are rewritten. ENOEXEC, ENOENT, EACCES, ELOOP (too many scripts), ELIBBAD.
    /// </summary>
    public static Result<Executable> Resolve(
        ICaller caller, IExecutableOpener opener, OpenFile file, ref ExecStrings strings)
    {
        byte[] commandName = NameOf(strings.FileName);
        Span<byte> head = stackalloc byte[ScriptLine.MaxBytes];
        for (int depth = 0; ; depth++)
        {
            if (file.ReadAt(head, 0).Failed(out int count, out Errno error))
                return Release(file, error);
            if (ScriptLine.Parse(head[..count]) is not { } script)
                break;
            if (depth > MaxScriptDepth)
                return Release(file, Errno.ELOOP);
            file.Release();
            strings = Rewrite(strings, script);
            if (opener.OpenExecutable(caller, script.Interpreter).Failed(out OpenFile? next, out error))
                return error;
            file = next;
        }

        if (ElfImage.Read(file).Failed(out ElfImage? image, out Errno unusable))
            return Release(file, unusable);
        Executable executable = new(file, image, commandName);
        if (image.Interpreter is { } path
            && executable.OpenInterpreter(caller, opener, path) is not Errno.Ok and Errno failed)
        {
            executable.Dispose();
            return failed;
        }

        return executable;
    }

    public void Dispose()
    {
        File.Release();
        Interpreter?.Release();
    }

    private Errno OpenInterpreter(ICaller caller, IExecutableOpener opener, byte[] path)
    {
        if (opener.OpenExecutable(caller, path).Failed(out OpenFile? interpreter, out Errno error))
            return error;
        Interpreter = interpreter;
        if (ElfImage.Read(interpreter).Failed(out ElfImage? image, out _))
            return Errno.ELIBBAD;
        InterpreterImage = image;
        return Errno.Ok;
    }

    // execve(2): interpreter [argument] path args-from-the-second-on.
    private static ExecStrings Rewrite(ExecStrings strings, ScriptLine script)
    {
        List<byte[]> arguments = [script.Interpreter];
        if (script.Argument is not null)
            arguments.Add(script.Argument);
        arguments.Add(strings.FileName);
        for (int index = 1; index < strings.Arguments.Count; index++)
            arguments.Add(strings.Arguments[index]);
        return strings with { FileName = script.Interpreter, Arguments = arguments };
    }

    private static byte[] NameOf(ReadOnlySpan<byte> path)
    {
        ReadOnlySpan<byte> name = path[(path.LastIndexOf((byte)'/') + 1)..];
        return name[..Math.Min(15, name.Length)].ToArray();
    }

    private static Errno Release(OpenFile file, Errno error)
    {
        file.Release();
        return error;
    }
}

/// <summary>Opens files for execution: path walk, execute permission, noexec mounts.</summary>
internal interface IExecutableOpener
{
    /// <summary>ENOENT, EACCES (no permission, noexec, not a regular file), ETXTBSY, ELOOP.</summary>
    Result<OpenFile> OpenExecutable(ICaller caller, ReadOnlySpan<byte> path);
}
