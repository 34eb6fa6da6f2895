namespace Sandbox.Harness;

/// <summary>A folder of its own under the temporary directory, gone when disposed.</summary>
public sealed class ScratchFolder : IDisposable
{
    public ScratchFolder(string purpose) => Path = Directory.CreateTempSubdirectory($"sandbox-{purpose}-").FullName;

    public string Path { get; }

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public void Dispose()
    {
        // Guests leave directories without permissions behind; rm as root copes,
        // Directory.Delete follows no mounts either.
        if (Directory.Exists(Path))
            HostProgram.Run(["rm", "-rf", "--one-file-system", Path], TimeSpan.FromMinutes(1));
    }
}
