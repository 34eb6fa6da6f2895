using System.Text;
using Sandbox.Linux;

namespace Sandbox.Platform.Stubs;

/// <summary>What a platform needs to make and watch stubs, whatever brings their calls here.</summary>
public class StubOptions
{
    /// <summary>A directory descriptor of a procfs of the caller's own pid namespace; -1 opens /proc.</summary>
    public int ProcDirectory { get; init; } = -1;

    /// <summary>
    /// Rdfsbase and rdgsbase are used where the processor has them. False, for tests: as if it had not.
    /// </summary>
    public bool FsGsBase { get; init; } = true;

    /// <summary>Stubs kept ready for the next image.</summary>
    public int ReadyStubs { get; init; } = 2;

    /// <summary>Where the zygote and the stubs kept ready are charged; null: where the caller is.</summary>
    public HostCgroup? Cgroup { get; init; }

    /// <summary>Gets lines about violations and internal errors. Called from any thread.</summary>
    public Action<string>? Log { get; init; }
}

/// <summary>
/// The stubs of one platform: where they come from, who learns of their ends, and what the host tells about them.
/// </summary>
internal sealed class StubHost : IDisposable
{
    private readonly StubOptions _options;
    private readonly HostFd _proc;
    private readonly ExitWatcher _watcher = new();

    /// <summary>Throws <see cref="PlatformNotSupportedException"/> naming what the host lacks.</summary>
    public StubHost(StubOptions options, IStubMaker maker)
    {
        _options = options;
        _proc = new HostFd(OpenProc(options.ProcDirectory));
        Proc = new ProcFiles(options.ProcDirectory >= 0 ? options.ProcDirectory : _proc.Number);
        Strays = new StrayStubs(process => _watcher.Has(process) || Zygote!.Is(process), ListChildren, Log);
        Zygote = new Zygote(this, maker, options.Cgroup);
    }

    /// <summary>Stubs read their segment bases by rdfsbase and rdgsbase, where the processor has these.</summary>
    public bool UsesFsGsBase => _options.FsGsBase;

    public ProcFiles Proc { get; }

    /// <summary>Looks for processes that nobody knows, whenever the platform has it take a step.</summary>
    public StrayStubs Strays { get; }

    public Zygote Zygote { get; }

    /// <summary>Held while somebody compares and exchanges a word of guest memory.</summary>
    public Lock ExchangeLock { get; } = new();

    /// <summary>How many stubs live.</summary>
    public int Count => _watcher.Count;

    public void Log(string line) => _options.Log?.Invoke(line);

    /// <summary>
    /// Runs what comes after a stub's end on another thread than the watcher's; false if there is none.
    /// </summary>
    public Func<Action, bool> RunExit
    {
        set => _watcher.RunElsewhere = value;
    }

    /// <summary>The platform can adopt stubs: some are kept ready from now on.</summary>
    public void Start() => Zygote.KeepReady(_options.ReadyStubs);

    /// <summary>A fresh stub, charged to <paramref name="cgroup"/>. EAGAIN, ENOMEM.</summary>
    public Result<IGuestThread> Take(HostCgroup? cgroup)
    {
        if (Zygote.Take().Failed(out IGuestThread? thread, out Errno error))
            return error;
        if (cgroup is not null && cgroup != _options.Cgroup
            && cgroup.Enter(thread.AddressSpace.HostProcessId) is not Errno.Ok and Errno unmoved)
            Log($"a stub cannot be charged to its container: {unmoved}");
        return Result<IGuestThread>.Of(thread);
    }

    /// <summary>As <see cref="IPlatform.Press"/>.</summary>
    public void Press(HostCgroup cgroup)
    {
        const long bytes = 2 << 20, privateAnonymous = 0x22, populate = 0x8000, readWrite = 3;
        if (Take(cgroup).Failed(out IGuestThread? thread, out _))
            return;
        HostCommand map = new(Sys.mmap, 0, bytes, readWrite, privateAnonymous | populate, -1);
        thread.Execute(new Span<HostCommand>(ref map), stopAtError: true);
        thread.AddressSpace.Kill();
    }

    /// <summary>Enters a thread into its space. Its stub may be dead already; then the thread is told.</summary>
    public void Register(StubThread thread)
    {
        if (!thread.Space.TryAdd(thread))
            thread.OnProcessEnd(0);
        else if (thread.HostThreadId == thread.Space.HostProcessId)
            _watcher.Register(thread.Space);
    }

    /// <summary>Ends the zygote and every stub.</summary>
    public void Dispose()
    {
        Zygote.Dispose();
        _watcher.KillAll();
        while (_watcher.Count > 0)
            Thread.Sleep(1);
        _watcher.Dispose();
        _proc.Dispose();
    }

    /// <summary>
    /// Our children in decimal: all are the zygote thread's, for the stubs are made as its siblings. Nothing where the
    /// host does not tell (proc_tid_children(5): CONFIG_PROC_CHILDREN).
    /// </summary>
    private byte[] ListChildren()
    {
        byte[] name = Encoding.ASCII.GetBytes($"task/{Zygote.HostThreadId}/children");
        if (!Proc.Read(Environment.ProcessId, name).Failed(out byte[]? list, out Errno error))
            return list;
        Log($"the host does not list our children, strays among them stay until the sandbox ends: {error}");
        return [];
    }

    private static int OpenProc(int given)
    {
        if (given >= 0)
            return -1;
        OpenFlags flags = OpenFlags.ReadOnly | OpenFlags.Directory | OpenFlags.CloseOnExec;
        return HostFile.OpenAt(HostFile.CurrentDirectory, "/proc"u8, flags).Failed(out int fd, out Errno error)
            ? throw new PlatformNotSupportedException($"cannot open /proc: {error}")
            : fd;
    }
}
