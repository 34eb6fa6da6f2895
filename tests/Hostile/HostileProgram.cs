using Sandbox.Harness;

namespace Sandbox.HostileTests;

/// <summary>A guest that means harm (Programs/NAME.c), compiled by the host's gcc into one static binary, once a run.</summary>
internal static class HostileProgram
{
    private static readonly Lock _lock = new();
    private static readonly Dictionary<string, string> _compiled = []; // Guarded by _lock.

    /// <summary>The compiled program's path.</summary>
    public static string Compile(string name)
    {
        lock (_lock)
        {
            if (_compiled.TryGetValue(name, out string? binary))
                return binary;
            string source = Path.Combine(Checkout.Root, "tests", "Hostile", "Programs", $"{name}.c");
            string folder = Path.Combine(Checkout.Artifacts, "guests");
            Directory.CreateDirectory(folder);
            binary = Path.Combine(folder, $"hostile-{name}");
            HostResult result = HostProgram.Run(
                ["gcc", "-O1", "-g", "-static", "-pthread", "-w", "-o", binary, source], TimeSpan.FromMinutes(2));
            if (result.Status != 0)
                throw new InvalidOperationException($"gcc does not compile {source}\n{result}");
            return _compiled[name] = binary;
        }
    }
}
