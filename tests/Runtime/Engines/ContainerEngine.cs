using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests.Engines;

/// <summary>
/// An engine with a command line like Docker's, which keeps everything in a scratch folder of its own and has our
/// binary as its runtime and a busybox image.
/// </summary>
public abstract class ContainerEngine : IDisposable
{
    public const string Image = "localhost/busybox";

    /// <summary>As long as anything may take here.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private static int _nextContainer;
    private readonly string _name;

    /// <param name="name">In messages, and of its folder.</param>
    protected ContainerEngine(string name)
    {
        _name = name;
        Folder = new ScratchFolder(name);
    }

    /// <summary>Also for the tests' own files.</summary>
    public ScratchFolder Folder { get; }

    /// <summary>What process 1 of a container with <c>--init</c> runs.</summary>
    public abstract string InitPath { get; }

    protected abstract Dictionary<string, string> Environment { get; }

    /// <summary>The program and what stands before its subcommand.</summary>
    protected abstract string[] Prefix { get; }

    /// <summary>How a running container is removed at once.</summary>
    protected abstract string[] Removal { get; }

    /// <summary>A container name nobody else uses.</summary>
    public static string NewName() => $"c{System.Environment.ProcessId}-{Interlocked.Increment(ref _nextContainer)}";

    /// <summary>Waits until the condition holds; the test fails if it does not come to.</summary>
    public static void WaitFor(Func<bool> condition, string failure)
    {
        for (DateTime end = DateTime.UtcNow + Patience; DateTime.UtcNow < end; Thread.Sleep(50))
        {
            if (condition())
                return;
        }

        Assert.Fail(failure);
    }

    /// <summary>Makes an image known to it.</summary>
    public void Load(ContainerImage image)
    {
        string archive = Folder["image.tar"];
        image.WriteArchive(archive);
        Succeeds("load", "--input", archive);
        File.Delete(archive);
    }

    /// <summary>Runs a command of the engine to its end.</summary>
    public HostResult Run(params string[] arguments) => RunProgram([.. Prefix, .. arguments]);

    /// <summary>Runs a command with something on its standard input.</summary>
    public HostResult RunWithInput(string input, params string[] arguments) =>
        HostProgram.Run([.. Prefix, .. arguments], Patience, input: input, environment: Environment);

    /// <summary>Runs a command, which must succeed; its output.</summary>
    public string Succeeds(params string[] arguments)
    {
        HostResult result = Run(arguments);
        Assert.True(result.Status == 0, $"{_name} {string.Join(' ', arguments)}: {result}");
        return result.Output;
    }

    /// <summary>Starts a command on a terminal of 100 columns and 40 rows.</summary>
    public HostProgram StartOnTerminal(params string[] arguments) => HostProgram.StartOnTerminal(
        ["env", .. Environment.Select(static entry => $"{entry.Key}={entry.Value}"), .. Prefix, .. arguments]);

    /// <summary>A field of a container: ".State.Status".</summary>
    public string Inspect(string container, string field) =>
        Succeeds("inspect", "--format", $"{{{{{field}}}}}", container).Trim();

    /// <summary>A container without a network that runs a script in the background; its name.</summary>
    public string StartScript(string script)
    {
        string name = NewName();
        Succeeds("run", "--detach", "--network=none", "--name", name, Image, "sh", "-c", script);
        return name;
    }

    public void WaitForLog(string container, string text) => WaitFor(
        () =>
        {
            HostResult logs = Run("logs", container);
            return (logs.Output + logs.Error).Contains(text, StringComparison.Ordinal);
        },
        $"no {text} in the log");

    /// <summary>Removes a container, whatever it is doing.</summary>
    public void Remove(string container) => Succeeds([.. Removal, container]);

    public void Dispose()
    {
        End();
        foreach (string line in File.ReadAllLines("/proc/self/mounts"))
        {
            string place = line.Split(' ')[1];
            if (place.StartsWith(Folder.Path, StringComparison.Ordinal))
                HostProgram.Run(["umount", "--lazy", place], TimeSpan.FromMinutes(1));
        }

        Folder.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Ends all containers, and what else runs.</summary>
    protected abstract void End();

    protected HostResult RunProgram(string[] command) => HostProgram.Run(command, Patience, environment: Environment);
}
