using System.Security.Cryptography;
using System.Text;

namespace Sandbox.Harness;

/// <summary>A program in C for guests to run, compiled by the host's gcc into one static binary.</summary>
public static class CProgram
{
    private static readonly Lock _lock = new();

    /// <summary>No warnings: a program that asks for errors on purpose cannot do without causing them.</summary>
    private static readonly string[] _flags = ["-O1", "-g", "-static", "-pthread", "-w"];

    /// <summary>
    /// The compiled program; compiled again only when its source, a header or the flags have changed.
    /// </summary>
    /// <param name="folder">A suite's folder with all its programs: any header below it may be included.</param>
    /// <param name="name">The source below that folder, without ".c": FAMILY/NAME or NAME.</param>
    public static string Compile(string folder, string name)
    {
        string source = Path.Combine(folder, $"{name}.c");
        string[] command = ["gcc", .. _flags, "-I", folder, "-o"];
        string suite = Path.GetFileName(Path.GetDirectoryName(folder)!).ToLowerInvariant();
        string file = $"{suite}-{name.Replace('/', '-')}-{Digest(folder, source, command)}";
        string binary = Path.Combine(Checkout.Artifacts, "guests", file);
        lock (_lock)
        {
            if (!File.Exists(binary))
            {
                Directory.CreateDirectory(Path.GetDirectoryName(binary)!);
                string unfinished = $"{binary}.{Environment.ProcessId}";
                HostResult result = HostProgram.Run([.. command, unfinished, source], TimeSpan.FromMinutes(2));
                if (result.Status != 0)
                    throw new InvalidOperationException($"gcc does not compile {source}\n{result}");
                File.Move(unfinished, binary, overwrite: true);
            }
        }

        return binary;
    }

    private static string Digest(string folder, string source, string[] command)
    {
        string[] headers = Directory.GetFiles(folder, "*.h", SearchOption.AllDirectories);
        Array.Sort(headers, StringComparer.Ordinal);
        StringBuilder text = new(string.Join(' ', command));
        foreach (string file in (ReadOnlySpan<string>)[source, .. headers])
            text.Append('\0').Append(file).Append('\0').Append(File.ReadAllText(file));
        return Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())))[..16];
    }
}
