using Sandbox.Runsc.CommandLine;

namespace Sandbox.Runsc.Commands;

/// <summary>What <c>--version</c> prints: callers read the first word of the first lines.</summary>
internal static class VersionCommand
{
    public const string Version = "0.1.0", SpecificationVersion = "1.2.0";

    public static int Print()
    {
        ErrorReport.WriteTo(1, $"runsc version {Version}\nspec: {SpecificationVersion}\n");
        return 0;
    }
}
