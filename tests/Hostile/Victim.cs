using System.Globalization;
using System.Text.Json;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.HostileTests;

/// <summary>
/// A running container that hostile programs are let loose in, and the question afterwards: does the same Sentry still
/// serve, did it stumble, and is nothing left on the host?
/// </summary>
internal sealed class Victim : IDisposable
{
    private static readonly TimeSpan _limit = TimeSpan.FromMinutes(8);
    private readonly string _id = RunscState.NewId();
    private readonly int _sentry;

    /// <param name="variant">The sandbox that is attacked.</param>
    /// <param name="program">Programs/NAME.c; it is /program inside.</param>
    /// <param name="change">Changes the bundle before it starts.</param>
    /// <param name="flags">Global flags.</param>
    public Victim(SandboxVariant variant, string program, Action<Bundle>? change = null, params string[] flags)
    {
        Assert.SkipUnless(File.Exists(Checkout.Runsc), $"there is no {Checkout.Runsc}: make publish");
        foreach (string name in (ReadOnlySpan<string>)["bin", "tmp", "proc", "dev", "sys", "etc"])
            Directory.CreateDirectory(Path.Combine(Root, name));
        File.Copy(CProgram.Compile(Programs, program), Path.Combine(Root, "program"));
        File.Copy(Path.Combine(Checkout.BusyboxRoot, "bin", "busybox"), Path.Combine(Root, "bin", "busybox"));
        Bundle bundle = new(Path.Combine(Runsc.Scratch, "bundle"), Root, ["/bin/busybox", "sleep", "100000"]);
        change?.Invoke(bundle);
        bundle.Write();
        foreach (string flag in (ReadOnlySpan<string>)[.. variant.Flags, .. flags, "--debug-log", Log])
            Runsc.GlobalFlags.Add(flag);
        // Not our pipes: the container holds what it gets here for as long as it lives.
        HostResult started = HostProgram.Run(
            ["sh", "-c", "exec \"$0\" \"$@\" > /dev/null 2>&1",
                .. Runsc.Command("run", "--detach", "--bundle", bundle.Folder, _id)], _limit);
        Assert.True(started.Status == 0, started.ToString());
        _sentry = ReadSentry();
    }

    public RunscState Runsc { get; } = new();

    /// <summary>Where the sources of the attacks are.</summary>
    public static string Programs { get; } = Path.Combine(Checkout.Root, "tests", "Hostile", "Programs");

    public string Id => _id;

    /// <summary>The process that stands for the container towards callers.</summary>
    public int Monitor => ReadProcess("monitor");

    /// <summary>The root file system on the host.</summary>
    public string Root => Path.Combine(Runsc.Scratch, "rootfs");

    private string Log => Path.Combine(Runsc.Scratch, "sandbox.log");

    /// <summary>Runs the program; it must come to its end and find that everything it tried was refused.</summary>
    public void Attack(params string[] arguments)
    {
        HostResult result = Runsc.Run(_limit, ["exec", _id, "/program", .. arguments]);
        if (result.IsTimedOut || result.Status != 0 || !result.Output.EndsWith("SURVIVED\n", StringComparison.Ordinal))
            Assert.Fail($"{result}\n--- log\n{ReadLog()}");
    }

    /// <summary>The same Sentry serves, has met nothing that it did not expect, and leaves nothing behind.</summary>
    public void Survives(string[]? filesOnHost = null)
    {
        HostResult alive = Runsc.Run(
            _limit, "exec", _id, "/bin/busybox", "sh", "-c", "echo ali''ve; busybox ls / | busybox wc -l");
        Assert.True(
            alive.Status == 0 && alive.Output.StartsWith("alive\n", StringComparison.Ordinal), $"{alive}\n{ReadLog()}");
        Assert.Equal(_sentry, ReadSentry());
        Assert.DoesNotContain("internal error", ReadLog());
        if (filesOnHost is not null)
            Assert.Equal(filesOnHost, FilesOnHost());
        List<int> processes = Descendants(_sentry);
        processes.Add(_sentry);
        Assert.Equal(0, Runsc.Run(_limit, "delete", "--force", _id).Status);
        for (int attempt = 0; attempt < 300 && processes.Exists(IsAlive); attempt++)
            Thread.Sleep(100);
        Assert.DoesNotContain(processes, IsAlive);
    }

    /// <summary>Every file of the root with its size, as the host sees it.</summary>
    public string[] FilesOnHost()
    {
        List<string> files = [];
        foreach (string file in Directory.GetFiles(Root, "*", SearchOption.AllDirectories))
            files.Add($"{file} {new FileInfo(file).Length}");
        files.Sort(StringComparer.Ordinal);
        return [.. files];
    }

    public void Dispose() => Runsc.Dispose();

    private string ReadLog()
    {
        string text = File.Exists(Log) ? File.ReadAllText(Log) : string.Empty;
        return text.Length <= 8000 ? text : text[^8000..];
    }

    /// <summary>All host processes of its guests.</summary>
    public List<int> Processes() => Descendants(_sentry);

    /// <summary>The Sentry's open descriptors.</summary>
    public int CountDescriptors() => Directory.GetFileSystemEntries($"/proc/{_sentry}/fd").Length;

    /// <summary>
    /// True if the processes end within some seconds,
    /// or with <paramref name="atMostRunning"/> use no processor any more.
    /// </summary>
    public static bool AwaitEnd(List<int> processes, bool atMostRunning = false)
    {
        const int attempts = 200, pauseMilliseconds = 100;
        for (int attempt = 0; attempt < attempts; attempt++)
        {
            long before = TicksOf(processes);
            Thread.Sleep(pauseMilliseconds);
            if (!processes.Exists(IsAlive) || (atMostRunning && attempt > 20 && TicksOf(processes) == before))
                return true;
        }

        return false;
    }

    private static long TicksOf(List<int> processes)
    {
        const int userTime = 11, systemTime = 12;
        long sum = 0;
        foreach (int process in processes)
        {
            if (StatusOf(process) is not { } fields)
                continue;
            sum += long.Parse(fields[userTime], CultureInfo.InvariantCulture);
            sum += long.Parse(fields[systemTime], CultureInfo.InvariantCulture);
        }

        return sum;
    }

    private int ReadSentry() => ReadProcess("sentry");

    private int ReadProcess(string name)
    {
        using JsonDocument state = JsonDocument.Parse(File.ReadAllText(Path.Combine(Runsc.Root, _id, "state.json")));
        return state.RootElement.GetProperty(name).GetProperty("id").GetInt32();
    }

    private static bool IsAlive(int process) => StatusOf(process) is { } fields && fields[0] is not ("Z" or "X");

    private static List<int> Descendants(int ancestor)
    {
        Dictionary<int, int> parents = [];
        foreach (string directory in Directory.GetDirectories("/proc"))
        {
            if (int.TryParse(
                Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out int process)
                && StatusOf(process) is { } fields)
                parents[process] = int.Parse(fields[1], CultureInfo.InvariantCulture);
        }

        List<int> found = [];
        foreach (int process in parents.Keys)
        {
            int up = process;
            while (up != ancestor && parents.TryGetValue(up, out int parent))
                up = parent;
            if (up == ancestor && process != ancestor)
                found.Add(process);
        }

        return found;
    }

    // The fields behind the command's name: state, parent, …
    private static string[]? StatusOf(int process)
    {
        try
        {
            string text = File.ReadAllText($"/proc/{process}/stat");
            return text[(text.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
