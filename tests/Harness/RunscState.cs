namespace Sandbox.Harness;

/// <summary>
/// The published binary with a state folder of its own: commands as a person would type them. Disposing deletes every
/// container that is left, so that a failing test leaves nothing behind for the next one.
/// </summary>
public sealed class RunscState : IDisposable
{
    private static readonly TimeSpan _cleanUpLimit = TimeSpan.FromSeconds(20);
    private static int _nextContainer;
    private readonly ScratchFolder _folder = new("state");

    /// <summary>The folder given as --root.</summary>
    public string Root => _folder["root"];

    /// <summary>A folder for bundles and whatever else the test needs.</summary>
    public string Scratch => _folder.Path;

    /// <summary>Flags put before every command.</summary>
    public IList<string> GlobalFlags { get; } = [];

    /// <summary>A container id nobody else uses.</summary>
    public static string NewId() => $"t{Environment.ProcessId}-{Interlocked.Increment(ref _nextContainer)}";

    /// <summary>The full command line of a runsc command.</summary>
    public List<string> Command(params string[] arguments) =>
        [Checkout.Runsc, "--root", Root, .. GlobalFlags, .. arguments];

    /// <summary>Runs a command to its end.</summary>
    public HostResult Run(TimeSpan limit, params string[] arguments) => HostProgram.Run(Command(arguments), limit);

    /// <summary>Runs a command to its end, one minute at most.</summary>
    public HostResult Run(params string[] arguments) => Run(TimeSpan.FromMinutes(1), arguments);

    /// <summary>Runs a command in the foreground with something on its standard input.</summary>
    public HostResult RunWithInput(string input, TimeSpan limit, params string[] arguments) =>
        HostProgram.Run(Command(arguments), limit, input: input);

    /// <summary>Starts a command and returns at once.</summary>
    public HostProgram Start(params string[] arguments) => HostProgram.Start(Command(arguments));

    /// <summary>`runsc run` of a bundle under a fresh id.</summary>
    public HostResult RunBundle(Bundle bundle, TimeSpan limit, string? input = null)
    {
        string id = NewId();
        bundle.Write();
        HostResult result = HostProgram.Run(Command("run", "--bundle", bundle.Folder, id), limit, input: input);
        if (result.IsTimedOut)
            Run(_cleanUpLimit, "delete", "--force", id);
        return result;
    }

    public void Dispose()
    {
        if (Directory.Exists(Root))
        {
            foreach (string entry in Directory.GetFileSystemEntries(Root))
                HostProgram.Run(Command("delete", "--force", Path.GetFileNameWithoutExtension(entry)), _cleanUpLimit);
        }

        _folder.Dispose();
    }
}
