namespace Sandbox.Harness;

/// <summary>Where things are in this checkout.</summary>
public static class Checkout
{
    /// <summary>The folder with Sandbox.sln in it.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Everything that is built or downloaded; ignored by git.</summary>
    public static string Artifacts => Path.Combine(Root, "artifacts");

    /// <summary>The published binary, or the one named by SANDBOX_RUNSC.</summary>
    public static string Runsc => Environment.GetEnvironmentVariable("SANDBOX_RUNSC") is { Length: > 0 } path
        ? path
        : Path.Combine(Artifacts, "runsc");

    /// <summary>A root file system with nothing but busybox-static (made by `make rootfs`).</summary>
    public static string BusyboxRoot => Path.Combine(Artifacts, "rootfs", "busybox");

    /// <summary>
    /// A Debian root with compilers and interpreters (made by `make rootfs`), or the one of SANDBOX_DEBIAN.
    /// </summary>
    public static string DebianRoot => Environment.GetEnvironmentVariable("SANDBOX_DEBIAN") is { Length: > 0 } path
        ? path
        : Path.Combine(Artifacts, "rootfs", "debian");

    private static string FindRoot()
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "Sandbox.sln")))
                return folder;
        }

        throw new DirectoryNotFoundException("the tests must run from inside a checkout: no Sandbox.sln above them");
    }
}
