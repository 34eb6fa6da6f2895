using System.Diagnostics;
using System.Net.Http;
using System.Text;
using Xunit;

namespace Sandbox.RuntimeTests.Containerd;

/// <summary>What ExecSync brings back.</summary>
public sealed record ExecOutcome(int Status, string Output, string Error);

/// <summary>How a container of a pod stands, as CRI's ContainerStatus has it.</summary>
/// <param name="State">CREATED, RUNNING, EXITED or UNKNOWN.</param>
/// <param name="ExitCode">Once exited.</param>
/// <param name="Reason">"Completed", "Error" or "OOMKilled".</param>
public sealed record ContainerStanding(string State, int ExitCode, string Reason);

/// <summary>A pod, driven through CRI as kubelet does it. Disposing stops and removes it.</summary>
public sealed class Pod : IDisposable
{
    /// <summary>Values of CRI's NamespaceMode.</summary>
    public const int SharedByPod = 0, OwnByContainer = 1, OfTarget = 3;

    private static readonly string[] _states = ["CREATED", "RUNNING", "EXITED", "UNKNOWN"];
    private static readonly TimeSpan _limit = TimeSpan.FromMinutes(1);
    private static int _nextPod;
    private readonly CriClient _cri;
    private readonly ProtoMessage _configuration;
    private readonly string _logs;
    private bool _isRemoved;

    /// <summary>Runs the pod's sandbox.</summary>
    /// <param name="cri">containerd.</param>
    /// <param name="logs">Folder for the containers' logs.</param>
    /// <param name="processNamespaces">Whether containers see each other's processes.</param>
    public Pod(CriClient cri, string logs, int processNamespaces = OwnByContainer)
    {
        string name = $"pod{Environment.ProcessId}-{Interlocked.Increment(ref _nextPod)}";
        (_cri, _logs, ProcessNamespaces) = (cri, Path.Combine(logs, name), processNamespaces);
        Directory.CreateDirectory(_logs);
        _configuration = new ProtoMessage()
            .Add(1, new ProtoMessage().Add(1, name).Add(2, name + "-uid").Add(3, "tests").Add(4, 0))
            .Add(2, "pod-host")
            .Add(3, _logs)
            .Add(8, new ProtoMessage()
                .Add(1, "/" + name)
                .Add(2, new ProtoMessage().Add(1, Namespaces(string.Empty))));
        Id = cri.Call("RunPodSandbox", new ProtoMessage().Add(1, _configuration)).Text(1);
    }

    public string Id { get; }

    private int ProcessNamespaces { get; }

    /// <summary>Makes a container of the busybox image; its id.</summary>
    public string Create(string name, params string[] command) => Create(name, null, command);

    /// <summary>
    /// Makes a container with limits (CRI's LinuxContainerResources), or whose pid namespace is another's.
    /// </summary>
    public string Create(string name, ProtoMessage? resources, string[] command, string sharesProcessesWith = "")
    {
        ProtoMessage linux = new ProtoMessage()
            .Add(1, resources ?? new ProtoMessage())
            .Add(2, new ProtoMessage().Add(3, Namespaces(sharesProcessesWith)));
        ProtoMessage container = new ProtoMessage()
            .Add(1, new ProtoMessage().Add(1, name))
            .Add(2, new ProtoMessage().Add(1, "localhost/busybox:latest"))
            .AddAll(3, command)
            .Add(11, name + ".log")
            .Add(15, linux);
        return _cri.Call(
            "CreateContainer", new ProtoMessage().Add(1, Id).Add(2, container).Add(3, _configuration)).Text(1);
    }

    public void Start(string container) => Call("StartContainer", container);

    /// <summary>Creates and starts one.</summary>
    public string Run(string name, params string[] command)
    {
        string id = Create(name, command);
        Start(id);
        return id;
    }

    /// <summary>SIGTERM, and SIGKILL when the time is up.</summary>
    public void Stop(string container, int seconds) =>
        _cri.Call("StopContainer", new ProtoMessage().Add(1, container).Add(2, seconds));

    public void Remove(string container) => Call("RemoveContainer", container);

    public ContainerStanding Status(string container)
    {
        ProtoMessage status = Call("ContainerStatus", container).Message(1);
        return new ContainerStanding(_states[status.Number(3)], (int)status.Number(7), status.Text(10));
    }

    /// <summary>Waits until the container is over.</summary>
    public ContainerStanding WaitForEnd(string container)
    {
        for (Stopwatch clock = Stopwatch.StartNew(); clock.Elapsed < _limit; Thread.Sleep(20))
        {
            if (Status(container) is { State: "EXITED" } ended)
                return ended;
        }

        Assert.Fail($"{container} does not end: {Status(container)}");
        throw new UnreachableException();
    }

    public ExecOutcome Exec(string container, params string[] command)
    {
        ProtoMessage outcome = _cri.Call(
            "ExecSync", new ProtoMessage().Add(1, container).AddAll(2, command).Add(3, (long)_limit.TotalSeconds));
        return new ExecOutcome((int)outcome.Number(3), outcome.Text(1), outcome.Text(2));
    }

    /// <summary>The output of a command that must succeed.</summary>
    public string ExecOutput(string container, params string[] command)
    {
        ExecOutcome outcome = Exec(container, command);
        Assert.Equal((0, string.Empty), (outcome.Status, outcome.Error));
        return outcome.Output;
    }

    public void Update(string container, ProtoMessage resources) =>
        _cri.Call("UpdateContainerResources", new ProtoMessage().Add(1, container).Add(2, resources));

    /// <summary>CRI's ContainerStats.</summary>
    public ProtoMessage Statistics(string container) => Call("ContainerStats", container).Message(1);

    /// <summary>What a container wrote, without the time and stream that stand before each line.</summary>
    public string Log(string name)
    {
        const int words = 4;
        StringBuilder text = new();
        foreach (string line in File.ReadAllLines(Path.Combine(_logs, name + ".log")))
            text.Append(line.Split(' ', words)[^1]).Append('\n');
        return text.ToString();
    }

    /// <summary>Waits until the log holds the text: containerd copies it while the container runs.</summary>
    public void WaitForLog(string name, string text)
    {
        for (Stopwatch clock = Stopwatch.StartNew(); clock.Elapsed < _limit; Thread.Sleep(20))
        {
            if (Log(name).Contains(text, StringComparison.Ordinal))
                return;
        }

        Assert.Fail($"the log of {name} has no \"{text}\": {Log(name)}");
    }

    /// <summary>True while the sandbox is ready.</summary>
    public bool IsReady => _cri.Call("PodSandboxStatus", new ProtoMessage().Add(1, Id)).Message(1).Number(3) == 0;

    /// <summary>The pod's address on the tests' bridge.</summary>
    public string Address => _cri.Call("PodSandboxStatus", new ProtoMessage().Add(1, Id)).Message(1).Message(5).Text(1);

    /// <summary>Waits until the runtime service answers (again), and knows the pod.</summary>
    public void WaitUntilReachable()
    {
        for (Stopwatch clock = Stopwatch.StartNew(); ; Thread.Sleep(50))
        {
            try
            {
                _ = IsReady;
                return;
            }
            catch (Exception early) when (early is CriException or HttpRequestException && clock.Elapsed < _limit)
            {
                // Not yet.
            }
        }
    }

    public void StopAll() => _cri.Call("StopPodSandbox", new ProtoMessage().Add(1, Id));

    public void RemoveAll()
    {
        _cri.Call("RemovePodSandbox", new ProtoMessage().Add(1, Id));
        _isRemoved = true;
    }

    public void Dispose()
    {
        try
        {
            if (!_isRemoved)
            {
                StopAll();
                RemoveAll();
            }

            RemoveCgroups();
        }
        catch (CriException)
        {
            // The test has failed already, or will; the daemon's own clean-up does the rest.
        }
    }

    /// <summary>The pod's own cgroups are kubelet's to make and remove: here nobody else does.</summary>
    private void RemoveCgroups()
    {
        foreach (string hierarchy in Directory.GetDirectories("/sys/fs/cgroup"))
        {
            string cgroup = Path.Combine(hierarchy, Path.GetFileName(_logs));
            if (Directory.Exists(cgroup))
                Directory.Delete(cgroup);
        }
    }

    private ProtoMessage Call(string method, string container) =>
        _cri.Call(method, new ProtoMessage().Add(1, container));

    private ProtoMessage Namespaces(string target) => target.Length == 0
        ? new ProtoMessage().Add(2, ProcessNamespaces)
        : new ProtoMessage().Add(2, OfTarget).Add(4, target);
}
