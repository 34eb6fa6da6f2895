using System.Security.Cryptography;
using System.Text;
using Sandbox.Harness;

namespace Sandbox.GuestTests;

/// <summary>A guest program in C (Programs/NAME.c), compiled by the host's gcc into one static binary.</summary>
internal static class CProgram
{
    private static readonly Lock _lock = new();

    /// <summary>Warnings that a program which asks for errors on purpose cannot do without causing.</summary>
    private static readonly string[] _flags =
    [
        "-O1", "-g", "-static", "-pthread", "-w",
    ];

    private static string SourceFolder => Path.Combine(Checkout.Root, "tests", "Guest", "Programs");

    /// <summary>The names of all programs, sorted.</summary>
    public static IReadOnlyList<string> Names()
    {
        List<string> names = [];
        foreach (string file in Directory.GetFiles(SourceFolder, "*.c"))
            names.Add(Path.GetFileNameWithoutExtension(file));
        names.Sort(StringComparer.Ordinal);
        return names;
    }

    /// <summary>The compiled program; compiled again only when its source or the header has changed.</summary>
    public static string Compile(string name)
    {
        string source = Path.Combine(SourceFolder, $"{name}.c");
        string text = File.ReadAllText(source) + File.ReadAllText(Path.Combine(SourceFolder, "check.h")) + string.Join(' ', _flags);
        string digest = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..16];
        string binary = Path.Combine(Checkout.Artifacts, "guests", $"{name}-{digest}");
        lock (_lock)
        {
            if (!File.Exists(binary))
            {
                Directory.CreateDirectory(Path.GetDirectoryName(binary)!);
                string unfinished = $"{binary}.{Environment.ProcessId}";
                HostResult result = HostProgram.Run(["gcc", .. _flags, "-o", unfinished, source], TimeSpan.FromMinutes(2));
                if (result.Status != 0)
                    throw new InvalidOperationException($"gcc does not compile {source}\n{result}");
                File.Move(unfinished, binary, overwrite: true);
            }
        }
        return binary;
    }
}
