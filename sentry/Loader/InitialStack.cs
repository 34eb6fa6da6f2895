using System.Buffers.Binary;

namespace Sandbox.Sentry.Loader;

/// <summary>The strings of a new image: argv, envp and the file's name (execve(2)).</summary>
internal sealed record ExecStrings(byte[] FileName, List<byte[]> Arguments, List<byte[]> Environment)
{
    /// <summary>One string, with its NUL (MAX_ARG_STRLEN).</summary>
    public const int MaxStringBytes = 128 * 1024;

    /// <summary>What all strings and pointers take on the stack.</summary>
    public long TotalBytes
    {
        get
        {
            long total = FileName.Length + 1;
            foreach (byte[] text in Arguments)
                total += text.Length + 1 + 8;
            foreach (byte[] text in Environment)
                total += text.Length + 1 + 8;
            return total;
        }
    }
}

/// <summary>
/// The stack of a new image, as the x86-64 ABI has it at entry: from the stack pointer up argc, argv, envp, auxv, then
/// (at the top) random bytes, platform name and the strings (System V ABI x86-64, 3.4.1; fs/binfmt_elf.c).
/// </summary>
internal sealed class InitialStack
{
    private readonly byte[] _bytes;

    private InitialStack(byte[] bytes, ulong top) => (_bytes, Top) = (bytes, top);

    public ulong Top { get; }

    /// <summary>RSP at entry: the lowest byte.</summary>
    public ulong Pointer => Top - (ulong)_bytes.Length;

    public ReadOnlySpan<byte> Bytes => _bytes;

    public ulong ArgumentsStart { get; private init; }
    public ulong ArgumentsEnd { get; private init; }
    public ulong EnvironmentStart { get; private init; }
    public ulong EnvironmentEnd { get; private init; }
    public byte[] AuxiliaryVector { get; private init; } = [];

    /// <summary>
    /// Lays the stack out below <paramref name="top"/> (page aligned). Adds the entries that are addresses on it to
    /// the vector.
    /// </summary>
    public static InitialStack Build(ulong top, ExecStrings strings, AuxiliaryVector vector, ReadOnlySpan<byte> random)
    {
        // From the top down: 8 zero bytes, the file name, environment, arguments.
        long stringBytes = strings.FileName.Length + 1 + 8;
        foreach (byte[] text in strings.Arguments)
            stringBytes += text.Length + 1;
        foreach (byte[] text in strings.Environment)
            stringBytes += text.Length + 1;
        ReadOnlySpan<byte> platform = "x86_64\0"u8;
        ulong stringsStart = top - (ulong)stringBytes;
        ulong platformStart = (stringsStart - (ulong)platform.Length) & ~15ul;
        ulong randomStart = platformStart - 16;

        vector.Add(AuxKey.Random, randomStart);
        vector.Add(AuxKey.ExecutablePath, top - 8 - (ulong)(strings.FileName.Length + 1));
        vector.Add(AuxKey.Platform, platformStart);
        byte[] auxiliary = vector.ToBytes();

        int pointers = 1 + strings.Arguments.Count + 1 + strings.Environment.Count + 1;
        ulong pointer = (randomStart - (ulong)(pointers * 8) - (ulong)auxiliary.Length) & ~15ul;
        byte[] bytes = new byte[top - pointer];
        Span<byte> memory = bytes;

        int at = 0;
        BinaryPrimitives.WriteUInt64LittleEndian(memory, (ulong)strings.Arguments.Count);
        at += 8;
        ulong text0 = stringsStart;
        ulong argumentsStart = text0;
        at = WriteStrings(memory, at, strings.Arguments, pointer, ref text0);
        ulong argumentsEnd = text0;
        at = WriteStrings(memory, at, strings.Environment, pointer, ref text0);
        ulong environmentEnd = text0;
        auxiliary.CopyTo(memory[at..]);
        random.CopyTo(memory[(int)(randomStart - pointer)..]);
        platform.CopyTo(memory[(int)(platformStart - pointer)..]);
        strings.FileName.CopyTo(memory[(int)(text0 - pointer)..]);
        return new InitialStack(bytes, top)
        {
            ArgumentsStart = argumentsStart,
            ArgumentsEnd = argumentsEnd,
            EnvironmentStart = argumentsEnd,
            EnvironmentEnd = environmentEnd,
            AuxiliaryVector = auxiliary,
        };
    }

    private static int WriteStrings(Span<byte> memory, int at, List<byte[]> strings, ulong pointer, ref ulong text)
    {
        foreach (byte[] value in strings)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(memory[at..], text);
            at += 8;
            value.CopyTo(memory[(int)(text - pointer)..]);
            text += (ulong)value.Length + 1;
        }

        return at + 8; // The closing null pointer is zero already.
    }
}
