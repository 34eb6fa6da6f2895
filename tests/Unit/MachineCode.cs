using System.Globalization;
using System.Text;
using Iced.Intel;
using Xunit;

namespace Sandbox.UnitTests;

/// <summary>Compares embedded machine code with its listing, and prints the listing as the C# rows to embed.</summary>
internal static class MachineCode
{
    public static byte[] Assemble(Assembler assembler, ulong address = 0)
    {
        using MemoryStream stream = new();
        assembler.Assemble(new StreamCodeWriter(stream), address);
        return stream.ToArray();
    }

    /// <summary>
    /// Fails with the rows to embed when the bytes differ; they are also written to the temporary folder.
    /// </summary>
    public static void AssertSame(string name, byte[] assembled, ReadOnlySpan<byte> embedded)
    {
        if (embedded.SequenceEqual(assembled))
            return;
        string file = Path.Combine(Path.GetTempPath(), $"{name}.listing");
        File.WriteAllText(file, Rows(assembled));
        Assert.Fail($"the embedded bytes differ from the listing; the rows to embed are in {file}");
    }

    private static string Rows(byte[] code)
    {
        Iced.Intel.Decoder decoder = Iced.Intel.Decoder.Create(64, code);
        IntelFormatter formatter = new();
        StringBuilder rows = new();
        while (decoder.IP < (ulong)code.Length)
        {
            int start = (int)decoder.IP;
            StringOutput text = new();
            formatter.Format(decoder.Decode(), text);
            StringBuilder bytes = new();
            for (int index = start; index < (int)decoder.IP; index++)
                bytes.Append(CultureInfo.InvariantCulture, $"0x{code[index]:X2}, ");
            rows.Append(CultureInfo.InvariantCulture, $"        {bytes,-49}// {start:x2}: {text.ToStringAndReset()}\n");
        }

        return rows.ToString();
    }
}
